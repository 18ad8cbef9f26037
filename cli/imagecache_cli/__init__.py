"""The command line: a client of the API for whoever runs the cache. It knows nothing else of us."""
