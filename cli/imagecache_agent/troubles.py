"""What keeps an agent from its work, told by the codes of AWS's errors, and what a person can do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """The kinds of trouble that an agent can have with AWS."""

    CREDENTIALS = "credentials"
    CLOCK = "clock"
    NETWORK = "network"
    THROTTLED = "throttled"
    GONE = "gone"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a trouble means and what to do. One that `needs_start` ends the agent.

    The service starts it again after a pause of up to five minutes, with the credentials and the settings of
    that moment.
    """

    text: str
    advice: str
    needs_start: bool = False


MEANINGS = {
    Trouble.CREDENTIALS: Meaning(
        "AWS refuses the credentials",
        "make new ones with `make agent-credentials`, or log in again if they are those of your profile",
        needs_start=True,
    ),
    Trouble.CLOCK: Meaning(
        "the clock of this computer is wrong, so AWS refuses its requests",
        "let the system set the time by itself; if it is right, make new credentials",
    ),
    Trouble.NETWORK: Meaning("AWS cannot be reached", "is this computer connected to the internet?"),
    Trouble.THROTTLED: Meaning("AWS limits the requests of this account", "it ends by itself"),
    Trouble.GONE: Meaning(
        "a table, a queue or the bucket of the stack does not exist",
        "deploy the stack again, or uninstall the agent if you have removed it",
        needs_start=True,
    ),
    Trouble.OTHER: Meaning(
        "an unexpected error keeps a part of the agent from its work", "`imagecache agent logs` says where"
    ),
}

_CODES = {
    Trouble.CREDENTIALS: (
        "AccessDenied",
        "CredentialRetrievalError",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
        "UnrecognizedClient",
    ),
    Trouble.CLOCK: (
        "InvalidSignature",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    ),
    Trouble.NETWORK: (
        "ConnectTimeoutError",
        "ConnectionClosedError",
        "ConnectionError",
        "EndpointConnectionError",
        "HTTPClientError",
        "ProxyConnectionError",
        "ReadTimeoutError",
        "SSLError",
    ),
    Trouble.THROTTLED: (
        "LimitExceeded",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttl",
        "TooManyRequests",
        "ThrottledException",
    ),
    Trouble.GONE: ("NonExistentQueue", "NoSuchBucket", "QueueDoesNotExist", "ResourceNotFound"),
}


def trouble_of(code: str) -> Trouble:
    """Returns the trouble that an error of AWS or of its client means.

    `code` is AWS's code of the error, or the name of the client's exception. AWS has several forms of most
    codes, such as `ExpiredToken` and `ExpiredTokenException`.
    """
    return next(
        (trouble for trouble, parts in _CODES.items() if any(part in code for part in parts)), Trouble.OTHER
    )
