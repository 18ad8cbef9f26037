"""The key of an agent: a user with one policy and one key, which one command replaces or ends."""

import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from deployment import release
from deployment.agent_key import AgentUser, agent_credentials, key_file
from deployment.stack import DeploymentError
from deployment.tokens import ask_for_secrets
from local.settings import SettingsError

WIDEST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}


class Stack:
    """The part of a deployed stack that matters here."""

    def __init__(self, session: boto3.Session, policy: str | None) -> None:
        self.session = session
        self.name = "mine"
        self._policy = policy

    def deployed_outputs(self) -> dict[str, str]:
        return {"AgentPolicyArn": self._policy} if self._policy else {}

    def parameters(self) -> dict[str, str]:
        return {"Source": "agent"}


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr("deployment.agent_key.ROOT", tmp_path)
    with mock_aws():
        session = boto3.Session(region_name="eu-west-1")
        policy = session.client("iam").create_policy(PolicyName="p", PolicyDocument=json.dumps(WIDEST))
        yield Stack(session, policy["Policy"]["Arn"])


def keys(stack: Any) -> list[str]:
    listed = stack.session.client("iam").list_access_keys(UserName="mine.eu-west-1")["AccessKeyMetadata"]
    return [key["AccessKeyId"] for key in listed]


def stored() -> dict[str, str]:
    content: dict[str, str] = json.loads(key_file("mine").read_text())
    return content


def test_a_new_key_replaces_the_one_before_and_only_the_file_has_its_secret(
    stack: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_credentials(stack, {})
    first = stored()
    assert key_file("mine").stat().st_mode & 0o777 == 0o600
    assert (keys(stack), first["region"]) == ([first["accessKeyId"]], "eu-west-1")
    iam = stack.session.client("iam")
    [policy] = iam.list_attached_user_policies(UserName="mine.eu-west-1")["AttachedPolicies"]
    assert policy["PolicyName"] == "p"

    agent_credentials(stack, {})

    second = stored()
    assert second["accessKeyId"] != first["accessKeyId"]
    assert keys(stack) == [second["accessKeyId"]]
    shown = "".join(capsys.readouterr())
    assert first["secretAccessKey"] not in shown
    assert second["secretAccessKey"] not in shown


def test_a_key_that_cannot_be_stored_leaves_the_one_before_in_its_place(
    stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent_credentials(stack, {})
    first = stored()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("os.fdopen", fail)
        with pytest.raises((DeploymentError, OSError)) as raised:
            agent_credentials(stack, {})

    assert (stored(), keys(stack)) == (first, [first["accessKeyId"]])
    assert "cannot be written (No space left on device)" in str(raised.value)


def test_a_key_that_an_interrupted_command_has_left_is_not_taken_for_the_one_in_use(
    stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent_credentials(stack, {})
    iam = stack.session.client("iam")
    iam.create_access_key(UserName="mine.eu-west-1")
    ended: list[str] = []
    monkeypatch.setattr(AgentUser, "_delete_key", lambda _, key_id: ended.append(key_id))

    with pytest.raises(iam.exceptions.LimitExceededException):  # as no key has really ended
        agent_credentials(stack, {})

    assert ended == [key_id for key_id in keys(stack) if key_id != stored()["accessKeyId"]]


def test_a_revoked_key_is_gone_with_its_user_and_its_file(
    stack: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_credentials(stack, {})
    agent_credentials(stack, {"REVOKE": "yes"})
    assert stack.session.client("iam").list_users()["Users"] == []
    assert not key_file("mine").exists()
    agent_credentials(stack, {"REVOKE": "yes"})
    assert "had no key" in capsys.readouterr().out
    assert not AgentUser(stack).revoke()


def test_a_role_is_explained_and_no_key_is_made(stack: Any, capsys: pytest.CaptureFixture[str]) -> None:
    agent_credentials(stack, {"ASSUME_ROLE": "yes"})

    out = capsys.readouterr().out
    assert "attach-role-policy --role-name mine-agent --policy-arn arn:aws:iam::" in out
    assert "AWS_PROFILE=mine-agent imagecache agent --stack mine" in out
    assert stack.session.client("iam").list_users()["Users"] == []


@pytest.mark.parametrize("chosen", [{"REVOKE": "y"}, {"REVOKE": "yes", "ASSUME_ROLE": "yes"}])
def test_a_choice_is_yes_or_nothing(stack: Any, chosen: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="must be yes"):
        agent_credentials(stack, chosen)


def test_a_stack_of_an_earlier_version_is_deployed_first(stack: Any) -> None:
    with pytest.raises(DeploymentError, match="deploy this one first"):
        agent_credentials(Stack(stack.session, None), {})  # type: ignore[arg-type]  # the part that matters


def test_with_an_agent_no_token_of_beeper_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployment.tokens.ask_secret", lambda question: question.split()[0])

    assert ask_for_secrets(has_agent=True).keys() == {"dex-api-key"}
    assert "beeper-token" in ask_for_secrets()


def test_without_credentials_it_says_where_they_come_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("STACK", "mine")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    assert release.main("agent-credentials", []) == 1

    assert "log in with `aws sso login`, make a profile with `aws configure`" in capsys.readouterr().err
