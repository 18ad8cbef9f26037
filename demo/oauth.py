"""The OAuth server of Beeper: a program registers itself, a person allows it, and it gets a token.

It knows what Beeper's server knows: discovery (RFC 8414), registration (RFC 7591), authorization codes of
public clients with PKCE (RFC 6749, RFC 7636), revocation (RFC 7009) and introspection (RFC 7662). Tokens do
not end by themselves.
"""

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from html import escape
from urllib.parse import parse_qs, urlencode

from demo.chats import Json
from demo.listener import Reply, Request, json_reply

METADATA_PATH = "/.well-known/oauth-authorization-server"
AUTHORIZE_PATH = "/oauth/authorize"
ENDPOINTS = {
    "authorization_endpoint": AUTHORIZE_PATH,
    "introspection_endpoint": "/oauth/introspect",
    "registration_endpoint": "/oauth/register",
    "revocation_endpoint": "/oauth/revoke",
    "token_endpoint": "/oauth/token",
    "userinfo_endpoint": "/oauth/userinfo",
}
SCOPES = ("read", "write")

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Allow access to the made-up Beeper</title>
<h1>Allow access?</h1>
<p><strong>{name}</strong> asks for access to the made-up chats of this demo account: {scope}.</p>
<form method="post">
<input type="hidden" name="consent" value="{consent}">
<button name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button>
</form>
</html>
"""


@dataclass(frozen=True, slots=True)
class _Client:
    name: str
    redirect_uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Authorization:
    """A request of a client that a person is asked to allow.

    `challenge` is the hash of the verifier that the client sends later.
    """

    client_id: str
    redirect_uri: str
    scope: str
    challenge: str
    state: str


@dataclass(frozen=True, slots=True)
class _Token:
    client_id: str
    scope: str


class OAuthServer:
    """Issues tokens, which are as good as the `fixed_token`.

    If `granted_scope` is not None, every token gets this scope instead of the one that was asked for: a
    person may allow more than that.
    """

    def __init__(self, fixed_token: str) -> None:
        self.granted_scope: str | None = None
        self._fixed_token = fixed_token
        self._clients: dict[str, _Client] = {}
        self._questions: dict[str, _Authorization] = {}
        self._codes: dict[str, _Authorization] = {}
        self._tokens: dict[str, _Token] = {}
        self._answers: dict[tuple[str, str], Callable[[Request], Reply]] = {
            ("GET", METADATA_PATH): self._describe,
            ("POST", ENDPOINTS["registration_endpoint"]): self._register,
            ("GET", AUTHORIZE_PATH): self._ask_person,
            ("POST", AUTHORIZE_PATH): self._hear_person,
            ("POST", ENDPOINTS["token_endpoint"]): self._issue,
            ("POST", ENDPOINTS["revocation_endpoint"]): self._revoke,
            ("POST", ENDPOINTS["introspection_endpoint"]): self._introspect,
        }

    def answers(self, request: Request) -> bool:
        """Returns True if the request is for this server and not for the chat API."""
        return (request.method, request.path) in self._answers

    def __call__(self, request: Request) -> Reply:
        return self._answers[request.method, request.path](request)

    def accepts(self, token: str) -> bool:
        """Returns True if a request with this token may read chats."""
        valid = [self._fixed_token, *self._tokens]
        return any(compare_digest(token.encode(), known.encode()) for known in valid)

    def issued_tokens(self) -> list[str]:
        """Returns the issued tokens that are valid."""
        return list(self._tokens)

    def revoke_all(self) -> None:
        """Makes all issued tokens invalid, as if a person had removed them in Beeper."""
        self._tokens.clear()

    def _describe(self, request: Request) -> Reply:
        issuer = f"http://{request.headers['Host']}"
        document: Json = {name: issuer + path for name, path in ENDPOINTS.items()}
        document |= {
            "issuer": issuer,
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
        }
        return json_reply(200, document)

    def _register(self, request: Request) -> Reply:
        try:
            wanted = json.loads(request.body)
            client = _Client(str(wanted["client_name"]), tuple(wanted["redirect_uris"]))
        except (ValueError, KeyError, TypeError):
            return _error("invalid_client_metadata")
        client_id = secrets.token_urlsafe(16)
        self._clients[client_id] = client
        document = {"client_id": client_id, **wanted, "token_endpoint_auth_method": "none"}
        return json_reply(201, document)

    def _ask_person(self, request: Request) -> Reply:
        """Returns the page on which a person decides.

        A request with a wrong client or address is answered here, as its sender may be anybody. A client is
        told of its other errors.
        """
        client = self._clients.get(request.parameter("client_id") or "")
        asked = _Authorization(
            client_id=request.parameter("client_id") or "",
            redirect_uri=request.parameter("redirect_uri") or "",
            scope=request.parameter("scope") or "read",
            challenge=request.parameter("code_challenge") or "",
            state=request.parameter("state") or "",
        )
        if client is None or asked.redirect_uri not in client.redirect_uris:
            return _error("invalid_request")
        if not set(asked.scope.split()) <= set(SCOPES):
            return _back(asked, {"error": "invalid_scope"})
        method = request.parameter("code_challenge_method")
        if request.parameter("response_type") != "code" or method != "S256" or not asked.challenge:
            return _back(asked, {"error": "invalid_request"})
        consent = secrets.token_urlsafe(16)
        self._questions[consent] = asked
        page = _PAGE.format(name=escape(client.name), scope=escape(asked.scope), consent=consent)
        headers = {"Content-Type": "text/html; charset=utf-8", "X-Frame-Options": "DENY"}
        return Reply(200, page.encode(), headers)

    def _hear_person(self, request: Request) -> Reply:
        form = _form(request)
        asked = self._questions.pop(form.get("consent", ""), None)
        if asked is None:
            return _error("invalid_request")
        if form.get("answer") != "allow":
            return _back(asked, {"error": "access_denied"})
        code = secrets.token_urlsafe(24)
        self._codes[code] = asked
        return _back(asked, {"code": code})

    def _issue(self, request: Request) -> Reply:
        form = _form(request)
        if form.get("grant_type") != "authorization_code":
            return _error("unsupported_grant_type")
        allowed = self._codes.pop(form.get("code", ""), None)  # a code is valid once
        if (
            allowed is None
            or allowed.client_id != form.get("client_id")
            or allowed.redirect_uri != form.get("redirect_uri")
            or allowed.challenge != _hash(form.get("code_verifier", ""))
        ):
            return _error("invalid_grant")
        token = f"bdapi_{secrets.token_urlsafe(24)}"
        scope = allowed.scope if self.granted_scope is None else self.granted_scope
        self._tokens[token] = _Token(allowed.client_id, scope)
        return json_reply(200, {"access_token": token, "token_type": "Bearer", "scope": scope})

    def _revoke(self, request: Request) -> Reply:
        self._tokens.pop(_form(request).get("token", ""), None)
        return json_reply(200, {})

    def _introspect(self, request: Request) -> Reply:
        token = self._tokens.get(_form(request).get("token", ""))
        if token is None:
            return json_reply(200, {"active": False})
        return json_reply(200, {"active": True, "scope": token.scope, "client_id": token.client_id})


def _form(request: Request) -> Mapping[str, str]:
    """Returns the fields of a form. A field that is sent twice has its last value."""
    return {name: values[-1] for name, values in parse_qs(request.body.decode(errors="replace")).items()}


def _hash(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def _back(asked: _Authorization, answer: Mapping[str, str]) -> Reply:
    """Leads the browser back to the client."""
    query = urlencode({**answer, "state": asked.state})
    return Reply(303, headers={"Location": f"{asked.redirect_uri}?{query}"})


def _error(code: str) -> Reply:
    return json_reply(400, {"error": code})
