"""Queues of work: the queue of images, its dead-letter queue, and Lambda's asynchronous invocations."""
