"""The HTTP API: routes that read a request, call a use case, and answer with JSON."""
