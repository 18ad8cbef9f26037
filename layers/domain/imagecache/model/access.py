"""Who may use the API."""

from enum import StrEnum


class Role(StrEnum):
    """Whose token a request carries."""

    NONE = "none"
    READ = "read"
    ADMIN = "admin"
