"""Moves the data of the original Convex application into a stack. Not part of any function."""
