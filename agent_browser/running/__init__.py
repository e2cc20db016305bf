"""Runs: steps that are done one after the other though their client may go away."""
