"""A Beeper account of invented people, served on this machine."""
