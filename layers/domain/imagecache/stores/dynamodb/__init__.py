"""Helpers that all tables use: bound models, scans, batched reads, conditional and fenced writes."""
