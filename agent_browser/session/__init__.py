"""One session: its state, its turns, its timers, and the functions done on its context."""
