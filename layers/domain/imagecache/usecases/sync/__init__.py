"""Beeper's chats are copied into the tables, and their images queued."""
