"""agent-browser: a pool of isolated headless-browser sessions behind HTTP and a command line."""

__version__ = "0.1.0"
