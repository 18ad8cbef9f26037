"""Pure data: what the system stores and passes around."""
