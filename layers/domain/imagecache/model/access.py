"""Who may use the API."""

from enum import StrEnum


class Role(StrEnum):
    """What a request's token allows: nothing, reading, or everything."""

    NONE = "none"
    READ = "read"
    ADMIN = "admin"
