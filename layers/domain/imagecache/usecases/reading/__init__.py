"""The use cases of the read API."""
