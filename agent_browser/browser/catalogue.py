"""Brings in the modules that put functions into the table."""

from agent_browser.browser.functions import TABLE

ROOMS = ()

__all__ = ["ROOMS", "TABLE"]
