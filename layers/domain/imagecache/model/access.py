"""The role of a request to the API."""

from enum import StrEnum


class Role(StrEnum):
    """The rights of a request. NONE: without a valid token. READ: read-only. ADMIN: all operations."""

    NONE = "none"
    READ = "read"
    ADMIN = "admin"
