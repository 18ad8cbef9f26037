"""Clients of the servers from which we request chats, contacts and images over HTTP."""
