"""The nightly sweep: deletes images that are no longer shown, and repairs and counts the others."""
