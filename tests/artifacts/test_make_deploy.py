"""`make deploy` at a terminal: which region, what is asked, and what is left when it does not succeed."""

import contextlib
import io
import json
import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from deployment.release import main
from deployment.stack import CloudFormationStack
from local.engine import Engine, running_engine
from tests.artifacts.fake_sam import IMPOSSIBLE
from tests.artifacts.outcome import Outcome
from tests.artifacts.terminal import CTRL_C, Conversation, converse

ROOT = Path(__file__).parent.parent.parent
FAKE_SAM = Path(__file__).parent / "fake_sam.py"
URL = "https://beeper.example"
NO_MAIL = ("mail about alarms.*: ", "")
YES = (r"Make these changes to .*\[y/N\]", "y")
NO = (r"Make these changes to .*\[y/N\]", "")
SECRETS = [
    ("Beeper's token.*: ", "b33per"),
    ("media server's token.*: ", ""),
    ("Dex's API.*: ", ""),
    ("client id.*: ", ""),
    ("secret of.*: ", ""),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running_engine(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@dataclass(frozen=True, slots=True)
class Release:
    """Runs `make` with the fake SAM CLI for one stack. The folder is the person's home."""

    engine: Engine
    folder: Path
    stack: str
    patch: pytest.MonkeyPatch

    def environment(self, **settings: str) -> dict[str, str]:
        credentials = {
            name: value for name, value in self.engine.environment.items() if name != "AWS_DEFAULT_REGION"
        }
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **credentials, **settings}

    def command(self, target: str, *variables: str) -> list[str]:
        interpreter = self.folder / "environment"
        interpreter.write_text(f"#!/bin/sh\necho {sys.executable}\n")
        interpreter.chmod(0o700)
        return [
            "make",
            "--no-print-directory",
            target,
            f"ENVIRONMENT={interpreter}",
            f"SAM_CLI={sys.executable} {FAKE_SAM} {self.folder}",
            f"STACK={self.stack}",
            *variables,
        ]

    def at_terminal(
        self, target: str, *variables: str, answers: Sequence[tuple[str, str]] = (), **settings: str
    ) -> Conversation:
        return converse(self.command(target, *variables), ROOT, self.environment(**settings), answers)

    def by_program(self, command: str, typed: str = "", **settings: str) -> Outcome:
        """Does what `make` would start, in this process: without a terminal, with `typed` as its input."""
        fake_sam = [sys.executable, str(FAKE_SAM), str(self.folder)]
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            self.patch.delenv(name)
        for name, value in self.environment(STACK=self.stack, **settings).items():
            self.patch.setenv(name, value)
        output = io.StringIO()
        errors = io.StringIO()
        self.patch.setattr(sys, "stdin", io.StringIO(typed))
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            exit_code = main(command, fake_sam)
        return Outcome(exit_code, output.getvalue(), errors.getvalue())

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()]

    def client(self, service: str, region: str = "eu-west-1") -> Any:
        return boto3.client(service, **{**self.engine.access, "region_name": region})  # type: ignore[call-overload]  # a name that varies

    def status(self, region: str = "eu-west-1") -> str:
        try:
            [stack] = self.client("cloudformation", region).describe_stacks(StackName=self.stack)["Stacks"]
        except ClientError:
            return ""
        return "" if stack["StackStatus"] == "DELETE_COMPLETE" else str(stack["StackStatus"])

    def beeper_url(self) -> str:
        [stack] = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        values = {entry["ParameterKey"]: entry["ParameterValue"] for entry in stack["Parameters"]}
        return str(values["BeeperUrl"])

    def stored(self, region: str = "eu-west-1") -> dict[str, str]:
        answer = self.client("ssm", region).get_parameters_by_path(Path=f"/{self.stack}", WithDecryption=True)
        return {entry["Name"].rpartition("/")[2]: entry["Value"] for entry in answer["Parameters"]}


@pytest.fixture
def release(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Returns a stack that no other test uses."""
    return Release(engine, tmp_path, f"s{uuid.uuid4().hex}", monkeypatch)


@pytest.fixture
def deployed(release: Release) -> Release:
    done = release.by_program("deploy", BEEPER_URL=URL, AWS_REGION="eu-west-1")
    assert done.exit_code == 0, done.errors
    return release


def test_a_first_deployment_asks_for_all_it_needs_and_shows_the_tokens(release: Release) -> None:
    tracked = (ROOT / "samconfig.toml").read_bytes()

    done = release.at_terminal(
        "deploy",
        answers=[
            ("AWS region.*: ", "eu-west-1"),
            ("reaches Beeper.*: ", "http://beeper.example"),
            ("must be an https address", URL),
            ("mail about alarms.*: ", "me@example.com"),
            ("US dollars.*: ", "5"),
            YES,
            *SECRETS,
        ],
    )

    assert done.exit_code == 0, done.screen
    build, deploy = release.calls()
    assert (build["verb"], deploy["verb"]) == ("build", "deploy")
    assert (build["AWS_REGION"], build["AWS_DEFAULT_REGION"]) == ("eu-west-1", "eu-west-1")
    # Whatever the person types, secrets among it, is for our own program only.
    assert (build["has_input"], deploy["has_input"]) == (False, False)
    options = deploy["options"]
    assert options[options.index("--region") + 1] == "eu-west-1"
    assert options[options.index("--parameter-overrides") + 1] == (
        f'BeeperUrl="{URL}" AlarmEmail="me@example.com" MonthlyBudget="5"'
    )
    assert release.status() == "CREATE_COMPLETE"
    stored = release.stored()
    assert stored.keys() == {"beeper-token", "read-token", "admin-token"}
    assert stored["beeper-token"] == "b33per"
    assert "b33per" not in done.screen
    assert f"ready https://d111.cloudfront.example/#token={stored['read-token']}" in done.screen
    assert f"admin token: {stored['admin-token']}" in done.screen
    assert (ROOT / "samconfig.toml").read_bytes() == tracked


@pytest.mark.parametrize("source", ["environment", "older variable", "profile"])
def test_a_deployment_goes_to_the_persons_region_and_leaves_nothing_when_it_is_declined(
    release: Release, source: str
) -> None:
    settings = {"AWS_DEFAULT_REGION": "us-west-2"}
    if source == "environment":
        settings = {"AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "eu-central-1"}
    if source == "profile":
        config = release.folder / "config"
        config.write_text("[profile mine]\nregion = us-west-2\n")
        settings = {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "mine"}

    done = release.at_terminal("deploy", f"BEEPER_URL={URL}", answers=[NO_MAIL, NO], **settings)

    assert done.exit_code == 0, done.screen
    assert "declined: nothing was changed" in done.screen
    assert {(call["AWS_REGION"], call["AWS_DEFAULT_REGION"]) for call in release.calls()} == {
        ("us-west-2", "us-west-2")
    }
    options = release.calls()[-1]["options"]
    assert options[options.index("--region") + 1] == "us-west-2"
    assert release.status("us-west-2") == ""
    assert release.stored("us-west-2") == {}


def test_a_second_deployment_asks_only_whether_to_make_its_changes(deployed: Release) -> None:
    tokens = deployed.stored()

    unchanged = deployed.at_terminal("deploy", AWS_REGION="eu-west-1")
    declined = deployed.at_terminal(
        "deploy", "BEEPER_URL=https://other.example", answers=[NO], AWS_REGION="eu-west-1"
    )
    assert (unchanged.exit_code, declined.exit_code) == (0, 0), unchanged.screen + declined.screen
    assert "ready https://d111.cloudfront.example/" in unchanged.screen
    assert (deployed.status(), deployed.beeper_url()) == ("CREATE_COMPLETE", URL)

    changed = deployed.at_terminal(
        "deploy", "BEEPER_URL=https://other.example", answers=[YES], AWS_REGION="eu-west-1"
    )
    assert changed.exit_code == 0, changed.screen
    assert (deployed.status(), deployed.beeper_url()) == ("UPDATE_COMPLETE", "https://other.example")
    assert deployed.stored() == tokens
    assert not [token for token in tokens.values() if token in unchanged.screen + changed.screen]


def test_a_creation_that_fails_leaves_nothing_and_the_next_one_succeeds(release: Release) -> None:
    (release.folder / "broken").touch()
    failed = release.at_terminal(
        "deploy", f"BEEPER_URL={URL}", answers=[NO_MAIL, YES, *SECRETS], AWS_REGION="eu-west-1"
    )
    assert failed.exit_code != 0
    assert (
        f"the creation of {release.stack} in eu-west-1 failed, and all of it was deleted: Impossible: "
        in (" ".join(failed.screen.split()))
    )
    assert "Traceback" not in failed.screen
    assert (release.status(), release.stored()) == ("", {})

    (release.folder / "broken").unlink()
    done = release.at_terminal(
        "deploy", f"BEEPER_URL={URL}", answers=[NO_MAIL, YES, *SECRETS], AWS_REGION="eu-west-1"
    )
    assert (done.exit_code, release.status()) == (0, "CREATE_COMPLETE"), done.screen


def test_a_change_that_fails_says_so_and_leaves_the_stack_as_it_was(deployed: Release) -> None:
    (deployed.folder / "broken").touch()

    failed = deployed.by_program("deploy", BEEPER_URL="https://other.example", AWS_REGION="eu-west-1")

    assert failed.exit_code != 0
    assert "failed and ended with UPDATE_ROLLBACK_COMPLETE: Impossible: " in failed.errors
    assert "CloudFormation has undone it." in failed.errors
    assert deployed.beeper_url() == URL


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_what_an_interrupted_or_failed_creation_has_left_is_no_obstacle(
    release: Release, status: str
) -> None:
    cloudformation = release.client("cloudformation")
    template = json.dumps({"Resources": {"Impossible": IMPOSSIBLE}})
    if status == "REVIEW_IN_PROGRESS":
        cloudformation.create_change_set(
            StackName=release.stack, ChangeSetName="half", ChangeSetType="CREATE", TemplateBody=template
        )
    else:
        cloudformation.create_stack(StackName=release.stack, TemplateBody=template)
        while release.status().endswith("_IN_PROGRESS"):
            pass
    assert release.status() == status

    done = release.by_program("deploy", BEEPER_URL=URL, AWS_REGION="eu-west-1")

    assert (done.exit_code, release.status()) == (0, "CREATE_COMPLETE"), done.errors


def test_without_a_terminal_tokens_are_written_to_a_file_that_only_this_user_reads(deployed: Release) -> None:
    file = ROOT / ".local" / f"{deployed.stack}.tokens"
    try:
        done = deployed.by_program("tokens", AWS_REGION="eu-west-1")

        stored = deployed.stored()
        assert done.output.splitlines() == [
            "ready https://d111.cloudfront.example/",
            f"the tokens are in {file}",
        ]
        assert not [token for token in stored.values() if token in done.output + done.errors]
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text() == (
            f"ready https://d111.cloudfront.example/#token={stored['read-token']}\n"
            f"admin token: {stored['admin-token']}\n"
        )
    finally:
        file.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("DELETE_FAILED", "was not deleted completely: run `make remove STACK="),
        ("UPDATE_FAILED", "aws cloudformation continue-update-rollback --stack-name"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name"),
        ("UPDATE_IN_PROGRESS", "is being changed (UPDATE_IN_PROGRESS): wait until that is over"),
    ],
)
def test_a_stack_that_cloudformation_would_not_change_now_is_named_before_anything_is_built(
    release: Release, status: str, advice: str
) -> None:
    release.patch.setattr(CloudFormationStack, "status", lambda _: status)

    done = release.by_program("deploy", BEEPER_URL=URL, AWS_REGION="eu-west-1")

    assert (done.exit_code, done.output) == (1, "")
    assert advice in done.errors
    assert done.errors.count("\n") == 1
    assert not (release.folder / "calls.jsonl").exists()


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE"])
def test_a_stack_of_another_application_is_neither_changed_nor_deleted(release: Release, status: str) -> None:
    resources: dict[str, Any] = {"Orders": {"Type": "AWS::SQS::Queue"}}
    release.client("cloudformation").create_stack(
        StackName=release.stack, TemplateBody=json.dumps({"Resources": resources})
    )
    while release.status().endswith("_IN_PROGRESS"):
        pass
    if status == "ROLLBACK_COMPLETE":
        release.patch.setattr(CloudFormationStack, "status", lambda _: status)

    refused = release.by_program("deploy", BEEPER_URL=URL, AWS_REGION="eu-west-1")

    assert refused.exit_code == 1
    assert "belongs to another application: choose another STACK" in refused.errors
    assert release.status() == "CREATE_COMPLETE"
    assert not (release.folder / "calls.jsonl").exists()


@pytest.mark.parametrize("verb", ["build", "deploy"])
def test_a_sam_cli_that_fails_is_named_and_leaves_nothing(release: Release, verb: str) -> None:
    (release.folder / "refused").write_text(verb)

    done = release.by_program("deploy", BEEPER_URL=URL, AWS_REGION="eu-west-1")

    assert done.exit_code == 1
    assert "stopped: the SAM CLI ended with exit code 3; its own message is above" in done.errors
    assert (release.status(), release.stored()) == ("", {})


def test_a_deployment_that_is_interrupted_at_a_question_can_be_repeated(release: Release) -> None:
    interrupted = converse(
        [
            sys.executable,
            "-m",
            "deployment.release",
            "deploy",
            sys.executable,
            str(FAKE_SAM),
            str(release.folder),
        ],
        ROOT,
        release.environment(STACK=release.stack, BEEPER_URL=URL, AWS_REGION="eu-west-1"),
        [NO_MAIL, YES, ("Beeper's token", CTRL_C)],
    )
    assert interrupted.exit_code == 130, interrupted.screen
    assert "stopped by you." in interrupted.screen
    assert "Traceback" not in interrupted.screen

    again = release.by_program("deploy", "b33per\n", BEEPER_URL=URL, AWS_REGION="eu-west-1")
    assert (again.exit_code, release.status()) == (0, "CREATE_COMPLETE"), again.errors
    assert release.stored().keys() == {"beeper-token", "read-token", "admin-token"}


def test_every_other_command_of_make_reaches_the_stack_that_is_named(deployed: Release) -> None:
    before = deployed.stored()

    stored = deployed.at_terminal("secrets", answers=SECRETS, AWS_REGION="eu-west-1")
    replaced = deployed.at_terminal("tokens", AWS_REGION="eu-west-1")
    revoked = deployed.at_terminal("agent-credentials", "REVOKE=yes", AWS_REGION="eu-west-1")
    recovered = deployed.at_terminal("recover", "FROM=earlier", AWS_REGION="eu-west-1")
    after = deployed.stored()
    removed = deployed.at_terminal(
        "remove", answers=[("Type the stack's name.*: ", deployed.stack)], AWS_REGION="eu-west-1"
    )

    assert (stored.exit_code, after["beeper-token"]) == (0, "b33per"), stored.screen
    assert replaced.exit_code == 0, replaced.screen
    assert f"admin token: {after['admin-token']}" in replaced.screen
    assert after["admin-token"] != before["admin-token"]
    assert "had no key" in " ".join(revoked.screen.split())
    assert recovered.exit_code != 0
    assert f"{deployed.stack} in eu-west-1 could sync or delete" in " ".join(recovered.screen.split())
    assert removed.exit_code == 0, removed.screen
    assert (deployed.status(), deployed.stored()) == ("", {})


@pytest.mark.parametrize("target", ["secrets", "tokens"])
def test_a_stack_that_does_not_exist_gets_no_secrets(release: Release, target: str) -> None:
    done = release.by_program(target, typed="b33per\n", AWS_REGION="eu-west-1")

    assert done.exit_code != 0
    assert f"{release.stack} in eu-west-1 is not deployed" in done.errors
    assert release.stored() == {}


def test_without_a_terminal_a_missing_address_is_named_and_nothing_is_built(release: Release) -> None:
    done = release.by_program("deploy", AWS_REGION="eu-west-1")

    assert done.exit_code == 2
    assert "BEEPER_URL must be set" in done.errors
    assert not (release.folder / "calls.jsonl").exists()


def test_with_an_agent_nothing_of_beeper_is_asked_for_and_its_key_ends_with_the_stack(
    release: Release,
) -> None:
    region = {"AWS_REGION": "eu-west-1"}
    done = release.by_program("deploy", "d3x\n", PARAMETERS="Source=agent", **region)
    assert done.exit_code == 0, done.errors
    assert release.stored().keys() == {"dex-api-key", "read-token", "admin-token"}
    release.patch.setattr("deployment.agent_key.ROOT", release.folder)
    made = release.by_program("agent-credentials", **region)
    assert made.exit_code == 0, made.errors
    user = f"{release.stack}.eu-west-1"
    assert user in {each["UserName"] for each in release.client("iam").list_users()["Users"]}

    removed = release.by_program("remove", CONFIRM=release.stack, **region)

    assert (removed.exit_code, release.status()) == (0, ""), removed.errors
    assert "ended the key of the agent" in removed.output
    assert user not in {each["UserName"] for each in release.client("iam").list_users()["Users"]}


def test_typed_secrets_are_stored_as_secure_strings_and_an_empty_answer_keeps_what_is_stored(
    deployed: Release,
) -> None:
    before = deployed.stored()

    done = deployed.by_program("secrets", typed="b33per\n\nd3x\n", AWS_REGION="eu-west-1")

    assert (done.exit_code, done.output) == (0, "")
    assert deployed.stored() == {**before, "beeper-token": "b33per", "dex-api-key": "d3x"}
    path = f"/{deployed.stack}"
    parameters = deployed.client("ssm").get_parameters_by_path(Path=path)["Parameters"]
    assert {parameter["Type"] for parameter in parameters} == {"SecureString"}
    assert "b33per" not in done.errors
