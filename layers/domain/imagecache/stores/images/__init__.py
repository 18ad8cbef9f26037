"""The cachedImages table: its schema, claims for workers, queries for everything else."""
