"""The authorizer knows two tokens and nothing else, and a replaced one within a minute."""

import boto3
import pytest

from imagecache.model.access import Role
from imagecache.stores.secrets import Secrets
from imagecache.usecases.operating.authorize import Authorizer
from tests.integration.conftest import NOW, Stack


def store(name: str, value: str) -> None:
    boto3.client("ssm").put_parameter(Name=f"/s/{name}", Value=value, Type="SecureString", Overwrite=True)


@pytest.fixture
def authorizer(stack: Stack) -> Authorizer:
    store("read-token", "r3ad")
    store("admin-token", "4dmin")
    return Authorizer(secrets=Secrets(path="/s", ssm=boto3.client("ssm")), clock=stack.clock)


@pytest.mark.parametrize(
    ("header", "role"),
    [
        ("Bearer r3ad", Role.READ),
        ("bearer  r3ad", Role.READ),
        ("Bearer 4dmin", Role.ADMIN),
        ("Bearer r3adx", Role.NONE),
        ("Bearer R3AD", Role.NONE),
        ("Bearer", Role.NONE),
        ("Bearer ", Role.NONE),
        ("r3ad", Role.NONE),
        ("Basic r3ad", Role.NONE),
        ("Bearer r\u00e9ad", Role.NONE),
        ("", Role.NONE),
    ],
)
def test_only_the_two_tokens_have_a_role(authorizer: Authorizer, header: str, role: Role) -> None:
    assert authorizer.role(header) is role


def test_a_rotated_token_works_within_a_minute_and_the_old_one_no_longer(
    stack: Stack, authorizer: Authorizer
) -> None:
    assert authorizer.role("Bearer r3ad") is Role.READ
    store("read-token", "n3w")
    stack.now = NOW + 59_000
    assert (authorizer.role("Bearer r3ad"), authorizer.role("Bearer n3w")) == (Role.READ, Role.NONE)
    stack.now = NOW + 60_000
    assert (authorizer.role("Bearer r3ad"), authorizer.role("Bearer n3w")) == (Role.NONE, Role.READ)


def test_no_request_has_a_role_in_a_stack_without_tokens(stack: Stack) -> None:
    nobody = Authorizer(secrets=Secrets(path="/none", ssm=boto3.client("ssm")), clock=stack.clock)
    assert {nobody.role(header) for header in ("Bearer ", "Bearer x", "Bearer None")} == {Role.NONE}
