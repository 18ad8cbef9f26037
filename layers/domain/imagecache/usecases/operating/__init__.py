"""The use cases of operators: jobs, changes of single images, and the check of tokens."""
