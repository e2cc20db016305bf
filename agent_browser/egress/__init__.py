"""How what a session's browser sends leaves this machine."""
