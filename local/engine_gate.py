"""Runs the embedded engine (ministack) so that only the programs of this run can use it.

`python -m local.engine_gate SOCKET` needs the number of a listening socket that it has inherited.

ministack answers every request. Without the gate, any web page in a browser of this machine and any other
user of the machine could read the stored tokens and run code. The gate checks every path, also
`/_ministack/`.

There are three kinds of callers. Our own programs have the token of the run, and may do everything. Each
function has its own credentials, and may do what its role allows (see `local.engine_policies`). An IAM user
has an access key, which one of our programs has made, and may do what the user's policies allow.
"""

import asyncio
import contextlib
import hmac
import os
import re
import resource
import sys
from pathlib import Path
from typing import Any

from local.console import announce
from local.durable import Application, Changes, Message, Receive, Send, hold_answers
from local.engine_policies import FunctionCredentials, UserKeys, evaluate_policies
from local.engine_protocol import PROBLEM, TOKEN_HEADER
from local.engine_reads import make_reads_quick
from local.engine_recording import answer_saves, attach
from local.journal import Journal, JournalError

Headers = list[tuple[bytes, bytes]]

_KEEP_ALIVE_SECONDS = 75  # the same as in ministack's own server
_TOKEN = TOKEN_HEADER.lower().encode()
_ADMINISTRATIVE_PATHS = ("/_", "/health")
_READABLE_BY_ANY_PAGE = (b"access-control-allow-origin", b"*")


class Gate:
    """Passes the requests of this run's programs and functions to the engine, and answers 403 to all others.

    An AWS SDK sends its session token as plain text with every request. Only this user can read the token of
    the run, which is in the memory of this run and in `.local/access.json`. The token does not prove that a
    request was not changed on its way, but requests do not leave this machine. Therefore only the signatures
    of functions and users are checked.
    """

    def __init__(
        self, engine: Application, *, port: int, token: str, functions: FunctionCredentials, users: UserKeys
    ) -> None:
        self._engine = engine
        self._token = token.encode()
        self._functions = functions
        self._users = users
        self._own_hosts = {f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()}
        self._api_host = re.compile(rb"[0-9a-z]+\.execute-api\.localhost:%d" % port)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handles one request, or the engine's start and stop, according to the ASGI protocol."""
        if scope["type"] == "lifespan":
            await self._engine(scope, receive, send)
        elif scope["type"] != "http":
            # A browser lets every page open a WebSocket to any address, and no program of ours uses one.
            await send({"type": "websocket.close", "code": 1008})
        elif reason := self._why_refused(scope["path"], scope["headers"]):
            await _refuse(send, reason)
        else:
            await self._engine(self._without_token(scope), receive, _hidden_from_pages(send))

    def _without_token(self, scope: Message) -> Message:
        """Returns the request without the token of the run. The token of a function is kept.

        The API passes all headers to its functions, which could do everything with the token of the run.
        """
        headers = [
            (name, value) for name, value in scope["headers"] if (name, value) != (_TOKEN, self._token)
        ]
        return {**scope, "headers": headers}

    def _why_refused(self, path: str, headers: Headers) -> str | None:
        """Returns why a request is refused, or None if the engine may answer it."""
        hosts = _values(headers, b"host")
        asks_api = len(hosts) == 1 and self._api_host.fullmatch(hosts[0])
        if not asks_api and (len(hosts) != 1 or hosts[0] not in self._own_hosts):
            # A page may have pointed its own name at this machine (DNS rebinding).
            return "The engine answers to 127.0.0.1 and localhost only: use one of these in the address"
        # The token alone is enough against web pages. These two checks also refuse a page that has the token:
        # browsers add the headers themselves, and a page cannot prevent that.
        if any(name.startswith(b"sec-fetch-") for name, _ in headers):
            return "The engine does not answer browsers"
        # For the API the header is allowed: the local server sends a page's Origin, which the API checks.
        if _values(headers, b"origin") and not asks_api:
            return "The engine does not answer web pages"
        return self._why_credentials_refused(path, headers, asks_api=bool(asks_api))

    def _why_credentials_refused(self, path: str, headers: Headers, *, asks_api: bool) -> str | None:
        tokens = _values(headers, _TOKEN)
        authorizations = _values(headers, b"authorization")
        if len(tokens) == 1 and hmac.compare_digest(tokens[0], self._token):
            return None
        is_function = len(tokens) == len(authorizations) == 1 and self._functions.match(
            *tokens, *authorizations
        )
        is_user = not tokens and len(authorizations) == 1 and self._users.match(*authorizations)
        if not (is_function or is_user):
            return f"The engine needs the session token of this run in the header {TOKEN_HEADER}"
        # ministack checks no policy for its own paths and for the API, so these callers must not use them.
        if asks_api or path.startswith(_ADMINISTRATIVE_PATHS):
            return "The engine answers this to the programs of this run only"
        return None


def _values(headers: Headers, wanted: bytes) -> list[bytes]:
    """Returns every value of the header `wanted` (in lower case), because a request may repeat a header."""
    return [value for name, value in headers if name == wanted]


async def _refuse(send: Send, reason: str) -> None:
    """Answers 403 with the reason as text."""
    body = f"{reason}\n".encode()
    # The connection is closed, because the unread body of the request would be read as the next request.
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _hidden_from_pages(send: Send) -> Send:
    """Wraps an ASGI `send` to remove ministack's CORS header, which lets any web page read the answers."""

    async def send_hidden(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [
                (name, value)
                for name, value in message.get("headers", [])
                if (name.lower(), value) != _READABLE_BY_ANY_PAGE
            ]
            message = {**message, "headers": kept}
        await send(message)

    return send_hidden


def main() -> None:
    """Serves ministack behind the gate, on the inherited listening socket, until a signal stops this process.

    This replaces ministack's own `main`, which would open the port itself: another program could open the
    port just before, and would then receive the token.
    """
    # Tests import this module, and need none of these, which take a second.
    import hypercorn  # noqa: PLC0415 - as said above
    import ministack.app as ministack  # type: ignore[import-untyped]  # noqa: PLC0415
    from hypercorn.asyncio import serve  # noqa: PLC0415 - as said above
    from ministack.core import responses  # type: ignore[import-untyped]  # noqa: PLC0415

    # ministack loads botocore and its description of each service, only to correct the Content-Type of
    # answers. No program of ours reads it, and the first request to each service would wait for that.
    responses._service_model = lambda _: None
    make_reads_quick()

    port = int(os.environ["GATEWAY_PORT"])
    token = os.environ["AWS_SESSION_TOKEN"]
    functions, users = evaluate_policies()
    application = _durable(ministack.app, Path(os.environ["STATE_DIR"]), port)
    # hypercorn has a type for every kind of message.
    gate: Any = Gate(application, port=port, token=token, functions=functions, users=users)
    config = hypercorn.Config()
    config.bind = [f"fd://{sys.argv[1]}"]
    config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    # A page asks for hundreds of pictures at once, and macOS allows a process 256 open files by default.
    _, most_open_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # macOS refuses "unlimited"
        resource.setrlimit(resource.RLIMIT_NOFILE, (most_open_files, most_open_files))
    asyncio.run(serve(gate, config))


def _durable(engine: Application, folder: Path, port: int) -> Application:
    """Wraps ministack, so that its state is loaded from this folder, and stored there before each answer.

    Prints what is wrong with the stored state, and ends this process if none of it can be used.
    """
    try:
        journal = Journal.open(folder)
    except (JournalError, OSError) as error:
        sys.exit(f"the stored state cannot be used: {error}")
    for problem in journal.problems:
        announce(f"{PROBLEM}{problem}")
    changes = Changes(journal, root=str(folder.parent))
    state = attach(journal.values, changes, port=port)
    return hold_answers(answer_saves(engine, state), changes)


if __name__ == "__main__":
    main()
