"""The pool: browsers, the room in them, and the sessions that take it."""
