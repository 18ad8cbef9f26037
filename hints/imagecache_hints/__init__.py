"""Learns from Beeper's events which chats have changed, for programs that run beside Beeper.

These are `make run` and the agent. Functions on AWS cannot listen, so nothing of this is in their layers.
"""
