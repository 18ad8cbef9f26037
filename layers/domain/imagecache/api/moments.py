"""Times in ms → ISO 8601."""

from datetime import UTC, datetime


def iso8601(milliseconds: int | None) -> str | None:
    """Returns the time in UTC, to the second; None for 0 and for a time outside of the calendar."""
    if not milliseconds:
        return None
    try:
        return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return None
