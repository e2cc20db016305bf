"""From the clean HTML that a page was written down as, to what is read. Pure."""
