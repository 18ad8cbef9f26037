"""What prevents an agent from working, recognised by AWS's error codes, and what a person can do about it."""

from dataclasses import dataclass
from enum import StrEnum

from imagecache_cli.errors import CommandError


class Trouble(StrEnum):
    """The kinds of trouble that an agent can have with AWS."""

    CREDENTIALS = "credentials"
    NO_CREDENTIALS = "no credentials"
    SIGNATURE = "signature"
    CLOCK = "clock"
    NETWORK = "network"
    FOREIGN = "foreign"
    THROTTLED = "throttled"
    GONE = "gone"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Meaning:
    """Explains a trouble, and says what a person can do. A trouble that `needs_start` ends the agent.

    The service starts it again after a pause of up to five minutes, with the credentials and the settings of
    that moment.
    """

    text: str
    advice: str
    needs_start: bool = False


MEANINGS = {
    Trouble.CREDENTIALS: Meaning(
        "AWS refuses the credentials",
        "make new ones with `make agent-credentials STACK=NAME`, or log in again if they are those of your"
        " profile",
        needs_start=True,
    ),
    Trouble.NO_CREDENTIALS: Meaning(
        "this computer has no credentials for AWS that can be used",
        "make some with `make agent-credentials STACK=NAME`, or check AWS_PROFILE and log in again",
        needs_start=True,
    ),
    Trouble.SIGNATURE: Meaning(
        "AWS refuses the signature: the key's secret or this computer's clock is wrong",
        "let the system set the time automatically, or make a new key with"
        " `make agent-credentials STACK=NAME`",
    ),
    Trouble.CLOCK: Meaning(
        "the clock of this computer is wrong, so AWS refuses its requests",
        "let the system set the time automatically",
    ),
    Trouble.NETWORK: Meaning("AWS cannot be reached", "is this computer connected to the internet?"),
    Trouble.FOREIGN: Meaning(
        "something else than AWS answers",
        "does a proxy, or the log-in page of a network, answer in place of AWS?",
    ),
    Trouble.THROTTLED: Meaning(
        "AWS limits the requests of this account", "wait: the agent tries again automatically"
    ),
    Trouble.GONE: Meaning(
        "a table, a queue or the bucket of the stack does not exist",
        "deploy the stack again, or uninstall the agent if you have removed it",
        needs_start=True,
    ),
    Trouble.OTHER: Meaning(
        "an unexpected error prevents a part of the agent from working", "`imagecache agent logs` shows where"
    ),
}

_CODES = {
    Trouble.CREDENTIALS: (
        "AccessDenied",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "UnrecognizedClient",
    ),
    Trouble.NO_CREDENTIALS: (
        "ConfigNotFound",
        "ConfigParseError",
        "CredentialRetrievalError",
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
    ),
    Trouble.SIGNATURE: ("InvalidSignature", "SignatureDoesNotMatch"),
    Trouble.CLOCK: (
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
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
    Trouble.FOREIGN: ("ResponseParserError",),
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


# The code of an error without a body is its HTTP status, for example from a proxy.
_REFUSING_STATUSES = {"401", "403"}

# The agent's log says nothing about an error before the agent has begun to work.
_AT_THE_START = Meaning(
    "AWS answers with an error",
    "try again later; if it stays, look the code up in the documentation of AWS",
)


class CannotWorkError(CommandError):
    """The agent cannot begin or go on because of AWS. `text` says why, and `advice` what to do."""

    def __init__(self, code: str, *, call: str = "") -> None:
        """Explains AWS's code of an error, or the name of the client's exception. `call` is the operation."""
        trouble = trouble_of(code)
        meaning = _AT_THE_START if trouble is Trouble.OTHER else MEANINGS[trouble]
        self.text = f"{meaning.text} ({code}{f' at {call}' if call else ''})"
        self.advice = meaning.advice
        super().__init__(f"{self.text}: {self.advice}")


def trouble_of(code: str) -> Trouble:
    """Returns the trouble that an error of AWS or of its client means.

    `code` is AWS's code of the error, or the name of the client's exception. AWS has several forms of most
    codes, such as `ExpiredToken` and `ExpiredTokenException`.
    """
    if code in _REFUSING_STATUSES:
        return Trouble.CREDENTIALS
    return next(
        (trouble for trouble, parts in _CODES.items() if any(part in code for part in parts)), Trouble.OTHER
    )
