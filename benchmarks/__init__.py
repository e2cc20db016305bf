"""Measures the server beside raw Playwright on the same browser; `python -m benchmarks` runs it."""
