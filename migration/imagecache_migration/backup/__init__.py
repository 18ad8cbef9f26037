"""Backs up a stack into a folder, checks such a folder, and restores it into another stack."""
