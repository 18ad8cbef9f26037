"""Clients of Beeper's API, which Beeper Desktop serves on the owner's laptop, and of the media server."""
