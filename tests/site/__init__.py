"""The project's own web site to test against: deterministic, offline, on a free loopback port."""

from tests.site.server import Request, Site

__all__ = ["Request", "Site"]
