"""The syncState table: the sync lock, progress, jobs and the circuits of origins."""
