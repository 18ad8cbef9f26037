"""The nightly sweep: deletes what nothing shows any more, and repairs and counts what is left."""
