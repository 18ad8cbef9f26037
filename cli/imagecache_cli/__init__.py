"""The command line: a client of the API for the person who runs the cache. It uses the API's JSON only."""
