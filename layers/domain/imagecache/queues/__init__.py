"""The queues in which work waits: images to download, dead letters, and asynchronous invocations."""
