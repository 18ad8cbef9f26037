"""The HTTP API: requests in, JSON out."""
