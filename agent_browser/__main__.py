"""`python -m agent_browser` is the program `agent-browser`."""

from agent_browser.cli.main import main

if __name__ == "__main__":
    main()
