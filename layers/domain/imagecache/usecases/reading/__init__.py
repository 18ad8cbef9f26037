"""What the read API answers."""
