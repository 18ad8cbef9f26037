"""The nightly sweep."""
