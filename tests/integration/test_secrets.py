"""A secret is decrypted once, and again as soon as it is replaced."""

from typing import Any

import boto3
import pytest

from imagecache.stores.secrets import Secrets
from tests.integration.conftest import Stack

ADMIN, READ = "admin-token", "read-token"


class CountingSsm:
    """The client of SSM, which also keeps how many parameters each request has decrypted."""

    def __init__(self) -> None:
        self.client = boto3.client("ssm")
        self.decryptions: list[int] = []

    def get_parameters(self, **request: Any) -> Any:
        answer = self.client.get_parameters(**request)
        self.decryptions.append(len(answer["Parameters"]) if request["WithDecryption"] else 0)
        return answer

    def store(self, name: str, value: str) -> None:
        self.client.put_parameter(Name=f"/s/{name}", Value=value, Type="SecureString", Overwrite=True)

    def delete(self, name: str) -> None:
        self.client.delete_parameter(Name=f"/s/{name}")


@pytest.fixture
def ssm(stack: Stack) -> CountingSsm:
    del stack  # whose AWS it is
    ssm = CountingSsm()
    ssm.store(READ, "r3ad")
    ssm.store(ADMIN, "4dmin")
    return ssm


@pytest.fixture
def secrets(ssm: CountingSsm) -> Secrets:
    client: Any = ssm
    return Secrets(path="/s", ssm=client)


def test_unchanged_secrets_are_decrypted_once_and_each_call_is_one_request(
    ssm: CountingSsm, secrets: Secrets
) -> None:
    for _ in range(3):
        assert secrets.read(READ, ADMIN, "unset") == {READ: "r3ad", ADMIN: "4dmin"}
    assert ssm.decryptions == [2, 0, 0]


def test_a_replaced_secret_is_returned_at_once_and_decrypted_alone(
    ssm: CountingSsm, secrets: Secrets
) -> None:
    secrets.read(READ, ADMIN)
    ssm.store(READ, "n3w")
    for _ in range(2):
        assert secrets.read(READ, ADMIN) == {READ: "n3w", ADMIN: "4dmin"}
    assert ssm.decryptions == [2, 0, 1, 0]


def test_a_secret_that_is_deleted_and_created_anew_is_returned_although_it_has_the_same_version(
    ssm: CountingSsm, secrets: Secrets
) -> None:
    secrets.read(READ)
    ssm.delete(READ)
    ssm.store(READ, "n3w")
    found: Any = ssm.client.get_parameter(Name=f"/s/{READ}")
    assert found["Parameter"]["Version"] == 1
    assert secrets.read(READ) == {READ: "n3w"}


def test_a_deleted_secret_is_not_returned_and_one_that_is_added_is(
    ssm: CountingSsm, secrets: Secrets
) -> None:
    secrets.read(READ, ADMIN, "media-server-token")
    ssm.delete(READ)
    ssm.store("media-server-token", "m3dia")
    assert secrets.read(READ, ADMIN, "media-server-token") == {
        ADMIN: "4dmin",
        "media-server-token": "m3dia",
    }


def test_a_value_that_is_replaced_between_the_two_requests_is_found_by_the_next_call(
    ssm: CountingSsm, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSM may still decrypt the version before the one that it has just named."""
    secrets.read(READ)
    before = ssm.client.get_parameters(Names=[f"/s/{READ}"], WithDecryption=True)
    ssm.store(READ, "n3w")
    get = ssm.get_parameters

    def late(**request: Any) -> Any:
        return before if request["WithDecryption"] else get(**request)

    with monkeypatch.context() as patch:
        patch.setattr(ssm, "get_parameters", late)
        assert secrets.read(READ) == {READ: "r3ad"}
    assert secrets.read(READ) == {READ: "n3w"}
