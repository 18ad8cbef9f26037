"""Measurements at sizes that are too large for tests."""
