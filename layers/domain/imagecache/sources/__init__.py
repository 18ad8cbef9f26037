"""Servers from which chats, contacts and images come over HTTP."""
