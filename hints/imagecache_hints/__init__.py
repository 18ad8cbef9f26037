"""Receives Beeper's events, which name the chats that have changed, in programs on Beeper's computer.

These programs are `make run` and the agent. Functions on AWS cannot listen, so their layers do not contain
this package.
"""
