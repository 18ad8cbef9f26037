"""The contacts table."""
