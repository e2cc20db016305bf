"""API keys that are kept in the database."""
