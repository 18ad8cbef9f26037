"""Serves a Beeper account of invented people on this machine, for `make run` and for tests."""
