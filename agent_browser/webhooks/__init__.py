"""Webhooks: events sent to addresses of callers, signed, tried again, and given up in the end."""
