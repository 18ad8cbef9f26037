"""The rights of a request to the API."""

from enum import StrEnum


class Role(StrEnum):
    """The rights that a token gives: none, to read, or to do everything."""

    NONE = "none"
    READ = "read"
    ADMIN = "admin"
