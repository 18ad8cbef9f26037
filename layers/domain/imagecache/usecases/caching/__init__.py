"""Queues the images that are shown, and caches those that are queued."""
