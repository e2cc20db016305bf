"""Brings in the modules that put functions into the table."""

from agent_browser.browser import (
    console,
    cookies,
    emulation,
    har,
    messages,
    network,
    pdf,
    reading,
    recorder,
    responses,
    routing,
    storage,
    tracing,
)
from agent_browser.browser.functions import TABLE

ROOMS = (
    console,
    cookies,
    emulation,
    har,
    messages,
    network,
    pdf,
    reading,
    recorder,
    responses,
    routing,
    storage,
    tracing,
)

__all__ = ["ROOMS", "TABLE"]
