"""Connects this computer to Beeper, so that nobody has to create and copy a token.

Beeper is an OAuth server for programs: this program registers itself, a person allows it on Beeper's page,
and the browser brings back a code, which is exchanged for a token that may only read. The token is in the
file of the connection, in the memory of this process and in the parameters of the stack, and nowhere else:
not in a log, in a page, in an address or in the text of an error.
"""

import json
import re
import secrets
import threading
import time
import urllib.error
import urllib.request
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from local.access import write_privately
from local.beeper import open_directly
from local.journal import flush_folder
from local.settings import Origin, is_token

_METADATA_PATH = "/.well-known/oauth-authorization-server"
_CLIENT_NAME = "Chat Image Cache"
_SCOPE = "read"
_PERSON_SECONDS = 600.0  # the time that a person has to decide
_TIMEOUT_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_MAX_ANSWER_BYTES = 100_000
# RFC 6749, sections 4.1.2.1 and 5.2, and RFC 7591, section 3.2.2.
_ERROR_CODES = {
    *("invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type"),
    *("invalid_scope", "server_error", "temporarily_unavailable", "invalid_client", "invalid_grant"),
    *("unsupported_grant_type", "invalid_redirect_uri", "invalid_client_metadata"),
}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class ConnectError(Exception):
    """Beeper cannot be connected. The message is one line with what to do, and contains no secret."""


@dataclass(frozen=True, slots=True)
class _Endpoints:
    """Addresses of Beeper's OAuth server. Only the first one is opened in the browser."""

    authorization_url: str
    registration_url: str
    token_url: str
    revocation_url: str | None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt to connect, while the person decides.

    `verifier` proves that the sender of the code is the one that asked for it.
    """

    endpoints: _Endpoints
    client_id: str
    redirect_uri: str
    ends_at: float
    state: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Connection:
    """A stored connection. `client_id` is needed to revoke the token."""

    beeper: Origin
    client_id: str


class Connector:
    """Makes and ends the connection to the Beeper at `beeper_url`, and stores it in `file`.

    A connection to another address than `beeper_url` is not used, because a token is sent only to where it
    came from. `clock` returns seconds. The methods may be called by several threads.
    """

    def __init__(self, file: Path, beeper_url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.beeper_url = beeper_url
        self.changes = 0
        """How many times a connection has been made or ended since the start of this program."""
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._attempt: _Attempt | None = None
        self._connection = _read(file, beeper_url)

    @property
    def beeper(self) -> Origin | None:
        """The connected Beeper with its token, or None."""
        return self._connection.beeper if self._connection else None

    def finds_beeper(self) -> bool:
        """Returns True if something at Beeper's address answers like Beeper, within a second."""
        try:
            document = _request(f"{self.beeper_url}/v1/info", timeout=_LOOK_SECONDS)
        except ConnectError:
            return False
        return "app" in document

    def start(self, redirect_uri: str) -> str:
        """Returns the address of the page on which a person allows the connection. Raises ConnectError.

        The page leads the browser to `redirect_uri`, with parameters for `finish`. An earlier attempt ends.
        """
        endpoints = self._endpoints()
        client = {
            "client_name": _CLIENT_NAME,
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "scope": _SCOPE,
            "token_endpoint_auth_method": "none",
        }
        client_id = _request(endpoints.registration_url, json_body=client).get("client_id")
        if not isinstance(client_id, str) or not is_token(client_id):
            raise ConnectError(self._not_understood())
        attempt = _Attempt(
            endpoints,
            client_id,
            redirect_uri,
            ends_at=self._clock() + _PERSON_SECONDS,
            state=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
        )
        with self._lock:
            self._attempt = attempt
        question = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": _SCOPE,
            "state": attempt.state,
            "code_challenge": _challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        return f"{endpoints.authorization_url}?{urlencode(question)}"

    def finish(self, answer: Mapping[str, str]) -> None:
        """Stores the connection that a person has allowed. Raises ConnectError if there is none.

        `answer` has the parameters with which Beeper's page led the browser back. Its `state` is valid once,
        and only for ten minutes, so that no other page can bring an answer.
        """
        attempt = self._take_attempt(answer.get("state", ""))
        if answer.get("error") == "access_denied":
            raise ConnectError("Beeper was told not to allow it: the chats stay as they are")
        if "error" in answer or not answer.get("code"):
            raise ConnectError(f"Beeper did not connect{_reason(answer.get('error'))}: try again")
        granted = _request(
            attempt.endpoints.token_url,
            form={
                "grant_type": "authorization_code",
                "client_id": attempt.client_id,
                "redirect_uri": attempt.redirect_uri,
                "code": answer["code"],
                "code_verifier": attempt.verifier,
            },
        )
        token = granted.get("access_token")
        if not isinstance(token, str) or not is_token(token):
            raise ConnectError(self._not_understood())
        # Without a scope, the token has the scope that was asked for (RFC 6749, section 5.1).
        if str(granted.get("scope", _SCOPE)).split() != [_SCOPE]:
            _revoke(attempt.endpoints, token, attempt.client_id)
            raise ConnectError(
                "Beeper has allowed more than reading, which this program must not have, so the token is not"
                " kept: connect again, and allow it to read only"
            )
        connection = _Connection(Origin(self.beeper_url, token), attempt.client_id)
        try:
            with self._lock:
                _write(self._file, connection)
                self._connection = connection
                self.changes += 1
        except OSError as error:
            _revoke(attempt.endpoints, token, attempt.client_id)
            raise ConnectError(f"The token cannot be stored ({error.strerror}): connect again") from error

    def disconnect(self) -> bool:
        """Forgets the token. Returns False if it may be valid still, because Beeper could not be told.

        Raises ConnectError if its file cannot be deleted. Then nothing has changed.
        """
        with self._lock:
            try:
                self._file.unlink(missing_ok=True)
                flush_folder(self._file.parent)
            except OSError as error:
                raise ConnectError(f"The token cannot be deleted ({error.strerror}): try again") from error
            connection, self._connection = self._connection, None
            self.changes += 1
        if connection is None:
            return True
        try:
            endpoints = self._endpoints()
        except ConnectError:
            return False
        return _revoke(endpoints, connection.beeper.token, connection.client_id)

    def _take_attempt(self, state: str) -> _Attempt:
        """Returns the attempt with this state, and ends it. Raises ConnectError if there is none."""
        with self._lock:
            attempt = self._attempt
            if attempt is None or not compare_digest(attempt.state.encode(), state.encode()):
                raise ConnectError("This answer belongs to no attempt to connect: press Connect again")
            self._attempt = None
        if self._clock() > attempt.ends_at:
            raise ConnectError("This took longer than ten minutes: press Connect again")
        return attempt

    def _endpoints(self) -> _Endpoints:
        """Asks Beeper for its addresses. Raises ConnectError if one of them is not Beeper's own."""
        document = _request(self.beeper_url + _METADATA_PATH)
        methods = document.get("code_challenge_methods_supported", ["S256"])
        if not isinstance(methods, list) or "S256" not in methods:
            raise ConnectError(self._not_understood())
        return _Endpoints(
            authorization_url=self._own(document.get("authorization_endpoint")),
            registration_url=self._own(document.get("registration_endpoint")),
            token_url=self._own(document.get("token_endpoint")),
            revocation_url=self._own(document["revocation_endpoint"])
            if "revocation_endpoint" in document
            else None,
        )

    def _own(self, endpoint: object) -> str:
        """Returns the endpoint at Beeper's address. Raises ConnectError if it is at another one.

        Beeper may use another name of this machine for itself than `beeper_url` does.
        """
        if not isinstance(endpoint, str) or not re.fullmatch(r"https?://[!-~]+", endpoint):
            raise ConnectError(self._not_understood())
        if _server(endpoint) != _server(self.beeper_url) or re.search("[?#]", endpoint):
            raise ConnectError(
                f"What answers at {self.beeper_url} names another address than its own: is it Beeper?"
            )
        return self.beeper_url + urlsplit(endpoint).path

    def _not_understood(self) -> str:
        return f"What answers at {self.beeper_url} does not connect programs as Beeper does: update Beeper"


def _server(url: str) -> tuple[str, str, int | None] | None:
    """Returns scheme, host and port. All names of this machine count as one. None if the URL is invalid."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    if parts.username is not None or not parts.hostname:
        return None
    return parts.scheme, "127.0.0.1" if parts.hostname in _LOOPBACK else parts.hostname, port


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def _revoke(endpoints: _Endpoints, token: str, client_id: str) -> bool:
    """Makes the token invalid at Beeper. Returns False if Beeper does not do that."""
    if endpoints.revocation_url is None:
        return False
    try:
        _request(endpoints.revocation_url, form={"token": token, "client_id": client_id})
    except ConnectError:
        return False
    return True


def _request(
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    json_body: Mapping[str, Any] | None = None,
    timeout: float = _TIMEOUT_SECONDS,
) -> dict[str, Any]:
    """Sends a request and returns the JSON object of the answer, which is empty if the answer is.

    Raises ConnectError. Neither it nor what caused it contains a body, because bodies contain secrets.
    """
    request = urllib.request.Request(url)  # noqa: S310 - the settings allow http(s) only
    if form is not None:
        request.data = urlencode(form).encode()
    elif json_body is not None:
        request.data = json.dumps(json_body).encode()
        request.add_header("Content-Type", "application/json")
    where = f"Beeper at {urlsplit(url).netloc}"
    try:
        with open_directly(request, timeout=timeout) as response:
            body = response.read(_MAX_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        reason = _reason(_error_code(error))
        if error.code == HTTPStatus.NOT_FOUND:
            raise ConnectError(f"{where} does not connect programs: update Beeper") from None
        raise ConnectError(f"{where} refuses ({error.code}){reason}: try again") from None
    except (OSError, HTTPException) as error:
        cause = getattr(error, "reason", error)
        raise ConnectError(
            f"{where} cannot be reached ({cause}): start Beeper Desktop, and allow its API"
        ) from None
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ConnectError(f"{where} does not answer as Beeper does: is BEEPER_URL its address?")
    return document


def _error_code(answer: urllib.error.HTTPError) -> str | None:
    """Returns OAuth's code of an error, or None if the answer has none."""
    with answer:
        try:
            return str(json.loads(answer.read(_MAX_ANSWER_BYTES))["error"])
        except (OSError, HTTPException, ValueError, KeyError, TypeError, RecursionError):
            return None


def _reason(code: str | None) -> str:
    """Returns a known code of an error for a message. Anything else that was sent is not repeated."""
    return f" ({code})" if code in _ERROR_CODES else ""


def _read(file: Path, beeper_url: str) -> _Connection | None:
    """Returns the stored connection if it is one to this address."""
    try:
        content = json.loads(file.read_text())
        url, token, client_id = content["url"], content["token"], content["clientId"]
        is_usable = url == beeper_url and is_token(token) and is_token(client_id)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return _Connection(Origin(url, token), client_id) if is_usable else None


def _write(file: Path, connection: _Connection) -> None:
    beeper = connection.beeper
    write_privately(file, {"url": beeper.url, "token": beeper.token, "clientId": connection.client_id})
