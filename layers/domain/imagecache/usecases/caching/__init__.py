"""Images are queued, downloaded and stored."""
