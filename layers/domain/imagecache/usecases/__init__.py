"""The use cases of the system. Each module is named after what it does."""
