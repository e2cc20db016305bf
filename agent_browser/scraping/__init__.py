"""Many pages in one request: politely, in order of finishing, with nothing left behind."""
