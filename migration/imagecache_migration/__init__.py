"""Moves the data of the original Convex application into a stack. It is not part of any function."""
