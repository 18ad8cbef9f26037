"""Programs for developers: they create environments and docs/openapi.json, call functions, find a browser."""
