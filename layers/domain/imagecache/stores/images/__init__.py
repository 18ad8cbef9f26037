"""The cachedImages table: its schema, and one module for each group of its users."""
