"""The code of an error says what keeps AWS from answering, whichever client has raised it."""

import boto3
import pytest
from botocore.config import Config
from botocore.parsers import ResponseParserError

from imagecache.aws_errors import aws_errors_translated
from imagecache.errors import StoreUnavailableError
from imagecache.stores.state.agent_lease import AgentLease
from local.engine import free_port


def test_without_a_network_a_table_has_the_code_of_the_network() -> None:
    """PynamoDB raises an UpdateError, which an agent could not tell from an answer of AWS."""
    once = Config(connect_timeout=5, retries={"total_max_attempts": 1})
    dynamodb = boto3.client("dynamodb", endpoint_url=f"http://127.0.0.1:{free_port()}", config=once)
    lease = AgentLease(table_name="state", dynamodb=dynamodb)

    with pytest.raises(StoreUnavailableError, match=r"^EndpointConnectionError$"):
        lease.take("one", "here", now=1, lease_ms=1)


def test_an_answer_that_is_not_of_aws_is_an_error_of_the_store() -> None:
    with pytest.raises(StoreUnavailableError, match=r"^ResponseParserError$"), aws_errors_translated():
        raise ResponseParserError("<html>")
