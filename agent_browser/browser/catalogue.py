"""Brings in the modules that put functions into the table."""

from agent_browser.browser import (
    console,
    emulation,
    har,
    network,
    pdf,
    reading,
    recorder,
    responses,
    routing,
    tracing,
)
from agent_browser.browser.functions import TABLE

ROOMS = (
    console,
    emulation,
    har,
    network,
    pdf,
    reading,
    recorder,
    responses,
    routing,
    tracing,
)

__all__ = ["ROOMS", "TABLE"]
