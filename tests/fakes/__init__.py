"""Fakes that keep the real protocols: a browser, a clock moved by hand, a store, an observer."""
