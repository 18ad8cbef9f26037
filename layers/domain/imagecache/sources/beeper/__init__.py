"""Beeper's HTTP API: chats and media."""
