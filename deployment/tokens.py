"""Stores the stack's secrets as SecureStrings in SSM, below `/<stack>/`, and creates the API's two tokens."""

import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import boto3

from deployment.terminal import ask_secret
from local.console import announce, say
from local.template import ROOT

_API_TOKENS = ("read-token", "admin-token")
_SECRETS = {
    "beeper-token": "Beeper's token (Settings, Integrations, Approved connections; read-only)",
    "media-server-token": "the media server's token (leave empty if there is no media server)",
    "dex-api-key": "the key of Dex's API (leave empty without Dex)",
    "cf-access-client-id": "the client id of the Cloudflare Access service token (leave empty without one)",
    "cf-access-client-secret": "the secret of the Cloudflare Access service token (leave empty without one)",
}
_OF_BEEPER = {"beeper-token", "media-server-token", "cf-access-client-id", "cf-access-client-secret"}
_OWN_NAMES = {*_API_TOKENS, *_SECRETS, "distribution-id"}
_TOKEN_BYTES = 24
_NAMES_PER_REQUEST = 10  # SSM's limit


class StoredTokens:
    """Stores parameters below `/<stack>/`, because CloudFormation creates no SecureStrings."""

    def __init__(self, session: boto3.Session, stack: str) -> None:
        self._ssm = session.client("ssm")
        self._stack = stack

    def names(self) -> set[str]:
        """Returns the names of the stack's parameters that exist, without the stack's own name.

        Another application may have parameters below the same path, which are not returned.
        """
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=f"/{self._stack}")
        names = {parameter["Name"].rpartition("/")[2] for page in pages for parameter in page["Parameters"]}
        return names & _OWN_NAMES

    def store(self, values: Mapping[str, str]) -> None:
        """Stores each value as a SecureString, in place of an earlier one of this name."""
        for name, value in values.items():
            path = f"/{self._stack}/{name}"
            self._ssm.put_parameter(Name=path, Value=value, Type="SecureString", Overwrite=True)
            say(f"{path} stored")

    def create(self, *, again: bool) -> dict[str, str]:
        """Creates both tokens of the API, and returns them by name.

        If both exist already and `again` is False, creates none and returns an empty dict.
        """
        if not again and set(_API_TOKENS) <= self.names():
            return {}
        tokens = {name: secrets.token_urlsafe(_TOKEN_BYTES) for name in _API_TOKENS}
        self.store(tokens)
        return tokens

    def delete(self, names: Iterable[str]) -> None:
        """Deletes parameters. It is no error if one of them does not exist."""
        paths = [f"/{self._stack}/{name}" for name in sorted(names)]
        for start in range(0, len(paths), _NAMES_PER_REQUEST):
            self._ssm.delete_parameters(Names=paths[start : start + _NAMES_PER_REQUEST])


def ask_for_secrets(*, has_agent: bool = False) -> dict[str, str]:
    """Asks for every secret, and returns those that were answered, by the names of their parameters.

    If an agent asks Beeper, its token and those of a tunnel stay on Beeper's computer, and are not asked for.

    The answers are not shown while they are typed, and are never arguments of a command, which other users
    could see.
    """
    needed = _SECRETS.keys() - (_OF_BEEPER if has_agent else set())
    answers = {name: ask_secret(_SECRETS[name]) for name in _SECRETS if name in needed}
    return {name: answer for name, answer in answers.items() if answer}


def announce_address(stack: str, outputs: Mapping[str, str], created: Mapping[str, str]) -> None:
    """Prints the page's address, and the tokens if they were created just now.

    Tokens are printed to a terminal only. Otherwise they would be in the log of whatever runs us, so they are
    written to a file that only this user can read, and its path is printed.
    """
    address = outputs["Address"]
    if not created:
        announce(f"ready {address}/")
        say("the API's tokens have not changed; `make tokens` creates new ones")
        return
    lines = [f"ready {address}/#token={created['read-token']}", f"admin token: {created['admin-token']}"]
    if sys.stdout.isatty():
        for line in lines:
            announce(line)
        return
    file = ROOT / ".local" / f"{stack}.tokens"
    write_private(file, "".join(f"{line}\n" for line in lines))
    announce(f"ready {address}/")
    announce(f"the tokens are in {file}")


def write_private(file: Path, text: str) -> None:
    """Writes a file that only this user may read, in place of an earlier one."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    new = file.with_name(f"{file.name}.new")  # so that the earlier one stays if the disk is full
    new.unlink(missing_ok=True)  # an existing file would keep its mode
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    new.replace(file)
