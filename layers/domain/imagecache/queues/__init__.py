"""Where work waits."""
