"""The errors that end a command. Each is printed as one line on stderr and has an exit code.

- CommandError              1  the command was tried and failed
  - UnreachableError        1  the API did not answer, or not in time
    - NotReadyError         1  `make run` is still starting
  - UnexpectedAnswerError   1  the answer is from another program, or from another version of the API
  - RefusedError            1 or 2, depending on the HTTP status
  - SettingsError           2  the person has to correct the command or the settings
"""

from http import HTTPStatus

# The statuses of errors that the person can correct with another command or another token.
_STATUSES_THE_CALLER_CORRECTS = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


class CommandError(Exception):
    """A command failed. The message is for a person and fits on one line."""

    exit_code = 1


class UnreachableError(CommandError):
    """The API does not answer at its address, or not in time."""


class NotReadyError(UnreachableError):
    """The API's server on this machine runs, but its stack is still starting."""


class UnexpectedAnswerError(CommandError):
    """The answer does not have the form that the API of this version documents."""


class SettingsError(CommandError):
    """The address, the token or an argument is missing or malformed."""

    exit_code = 2


class RefusedError(CommandError):
    """The API refused the request. `code` is empty when API Gateway refused it before the API saw it.

    `status` is 401 for every token that is missing or not valid, and 403 for the read token where a request
    needs the admin token.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.exit_code = 2 if status in _STATUSES_THE_CALLER_CORRECTS else 1
