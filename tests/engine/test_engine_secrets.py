"""The local engine says of a parameter what a function needs to notice that it was replaced."""

import boto3

from imagecache.stores.secrets import Secrets
from local.engine import Engine

PATH, NAME = "/secrets-test", "token"


def test_a_secret_that_is_replaced_or_created_anew_is_returned_by_the_next_call(
    engine_with_tables: Engine,
) -> None:
    ssm = boto3.client("ssm", **engine_with_tables.access)

    def store(value: str) -> None:
        ssm.put_parameter(Name=f"{PATH}/{NAME}", Value=value, Type="SecureString", Overwrite=True)

    secrets = Secrets(path=PATH, ssm=ssm)
    store("first")
    assert [secrets.get(NAME), secrets.get(NAME)] == ["first", "first"]
    store("second")
    assert secrets.get(NAME) == "second"
    ssm.delete_parameter(Name=f"{PATH}/{NAME}")
    assert secrets.get(NAME) == ""
    store("third")
    assert secrets.get(NAME) == "third"
    ssm.delete_parameter(Name=f"{PATH}/{NAME}")
    store("fourth")
    assert secrets.get(NAME) == "fourth", "it has version 1, as the third had"
