"""Comparing two pages: how they are looked at side by side, and how they differ."""
