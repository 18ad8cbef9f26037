"""The cachedImages table: the schema with reads and most writes, and the claims of workers."""
