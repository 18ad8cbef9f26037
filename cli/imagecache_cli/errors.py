"""What ends a command: one line for stderr and an exit code.

- CommandError              1  it was tried, and the answer is bad
  - UnreachableError        1  nobody answers, or not in time
  - UnexpectedAnswerError   1  what answers is not this API, or another version of it
  - RefusedError            1 or 2, by the API's status
  - SettingsError           2  the person mends the command, or the settings
"""

from http import HTTPStatus

# What another command, or another token, would mend.
_MENDED_BY_THE_CALLER = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


class CommandError(Exception):
    """The message is for a person, in one line."""

    exit_code = 1


class UnreachableError(CommandError):
    """Nobody answers at that address, or not in time."""


class UnexpectedAnswerError(CommandError):
    """An answer that no version of the API known here gives."""


class SettingsError(CommandError):
    """The address, the token or an argument is missing or malformed."""

    exit_code = 2


class RefusedError(CommandError):
    """The API's own refusal. `code` is empty when API Gateway refused before the API was asked."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.exit_code = 2 if status in _MENDED_BY_THE_CALLER else 1
