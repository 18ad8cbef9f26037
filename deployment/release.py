"""Does what `make deploy`, `secrets`, `tokens`, `agent-credentials`, `remove` and `recover` promise.

Exit codes: 0 done, or declined by the person; 1 AWS or SAM refused; 2 a setting is missing or wrong; 130
interrupted.
"""

import os
import subprocess
import sys
from collections.abc import Mapping

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from deployment.agent_key import agent_credentials
from deployment.page import publish_page
from deployment.recovery import recover
from deployment.removal import remove
from deployment.settings import complete_parameters, read_parameters, read_region, read_stack_name
from deployment.stack import CloudFormationStack, DeploymentError
from deployment.terminal import confirm, has_terminal
from deployment.tokens import StoredTokens, announce_address, ask_for_secrets
from local.console import complain, say
from local.settings import SettingsError
from local.template import ROOT, read_template

_NEW = {"", "REVIEW_IN_PROGRESS"}
_CREATION_FAILED = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}


def main(command: str, sam: list[str]) -> int:
    """Runs a command and returns the exit code. `sam` is how to call the SAM CLI, which `deploy` needs.

    `deploy` builds and deploys everything, `secrets` asks for every secret again, `tokens` replaces the API's
    tokens, `agent-credentials` makes or ends the key of an agent, `remove` deletes the stack, and `recover`
    copies the data of another one into it.
    """
    try:
        _run(command, sam)
    except SettingsError as error:
        complain(str(error))
        return 2
    except NoCredentialsError:
        complain(
            "stopped: no AWS credentials are found: log in with `aws sso login`, make a profile with"
            " `aws configure`, or set AWS_PROFILE"
        )
        return 1
    except (BotoCoreError, ClientError, DeploymentError) as error:
        complain(f"stopped: {error}")
        return 1
    except subprocess.CalledProcessError as error:
        complain(f"stopped: the SAM CLI ended with exit code {error.returncode}; its own message is above")
        return 1
    except KeyboardInterrupt:
        complain("stopped by you. AWS finishes what it has begun; run the same command again for the rest")
        return 130
    return 0


def _run(command: str, sam: list[str]) -> None:
    name = read_stack_name(os.environ)
    given = read_parameters(os.environ, read_template()) if command == "deploy" else {}
    session = boto3.Session(region_name=read_region(os.environ))
    stack = CloudFormationStack(session, name)
    tokens = StoredTokens(session, name)
    match command:
        case "deploy":
            _deploy(stack, tokens, sam, given)
        case "secrets":
            stack.deployed_outputs()
            tokens.store(ask_for_secrets())
        case "tokens":
            outputs = stack.deployed_outputs()
            announce_address(name, outputs, tokens.create(again=True))
        case "agent-credentials":
            agent_credentials(stack, os.environ)
        case "remove":
            remove(stack, tokens, os.environ)
        case "recover":
            recover(stack, os.environ)


def _deploy(
    stack: CloudFormationStack, tokens: StoredTokens, sam: list[str], given: Mapping[str, str]
) -> None:
    is_new = _is_new(stack)
    parameters = complete_parameters(given, read_template()) if is_new else given
    environment = _sam_environment(stack)
    # Our own input may hold the secrets, which no other program may read.
    subprocess.run([*sam, "build"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=True)
    try:
        change_set = _create_change_set(stack, sam, parameters, environment)
        # Nobody has to confirm a deployment that a program has started.
        if change_set and has_terminal() and not confirm(f"Make these changes to {stack}?"):
            stack.discard(change_set)
            say("declined: nothing was changed")
            return
        if change_set:
            _execute(stack, tokens, change_set, parameters, is_new=is_new)
    finally:
        if is_new and stack.status() == "REVIEW_IN_PROGRESS":
            stack.delete()  # it consists of a name, and would make the next deployment look like an update
    outputs = stack.deployed_outputs()
    publish_page(stack.session.client("s3"), outputs["WebBucket"], ROOT / "web")
    # Tokens are shown only when they are created. They are created last, because a deployment that failed
    # afterwards would leave tokens behind that were never shown.
    announce_address(stack.name, outputs, tokens.create(again=False))


def _is_new(stack: CloudFormationStack) -> bool:
    """Returns whether the stack has to be created. Deletes what a failed creation has left.

    Raises DeploymentError if CloudFormation would refuse a deployment in the stack's present state.
    """
    status = stack.status()
    if status in _NEW:
        return True
    if status in _CREATION_FAILED:
        stack.refuse_another_application()
        say(f"an earlier creation of {stack} failed: deleting what is left of it")
        stack.delete()
        return True
    if status == "DELETE_FAILED":
        raise DeploymentError(f"{stack} was not deleted completely: run `make remove STACK={stack.name}`")
    if status in {"UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"}:
        raise DeploymentError(
            f"an earlier change of {stack} could be neither made nor undone. Undo it first:"
            f" aws cloudformation continue-update-rollback --stack-name {stack.name}"
            f" --region {stack.session.region_name}"
        )
    if status.endswith("_IN_PROGRESS") and not status.endswith("_CLEANUP_IN_PROGRESS"):
        raise DeploymentError(f"{stack} is being changed ({status}): wait until that is over, then try again")
    stack.refuse_another_application()
    return False


def _sam_environment(stack: CloudFormationStack) -> dict[str, str]:
    """Returns our environment with the region that we have decided on, whichever variable SAM reads first."""
    region = str(stack.session.region_name)
    return {**os.environ, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}


def _create_change_set(
    stack: CloudFormationStack, sam: list[str], parameters: Mapping[str, str], environment: dict[str, str]
) -> str | None:
    """Lets SAM upload everything and print the changes. Returns the change set, or None without changes."""
    earlier = stack.change_sets()
    command = [*sam, "deploy", "--stack-name", stack.name, "--region", str(stack.session.region_name)]
    # We ask, and not SAM: its answers, such as another region, would be unknown to us.
    command += ["--no-confirm-changeset", "--no-execute-changeset"]
    # An unchanged stack is not an error: the page or a token may be the only thing that is new.
    command.append("--no-fail-on-empty-changeset")
    if parameters:
        # Parameters that are not named keep the values of the last deployment.
        command += ["--parameter-overrides", " ".join(map(_override, parameters, parameters.values()))]
    subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=True)
    created = stack.change_sets() - earlier
    if len(created) > 1:
        raise DeploymentError(
            f"another deployment of {stack} was prepared at the same time: nothing was changed."
            " Make sure that only one runs, and deploy again"
        )
    return next(iter(created), None)


def _override(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def _execute(
    stack: CloudFormationStack,
    tokens: StoredTokens,
    change_set: str,
    parameters: Mapping[str, str],
    *,
    is_new: bool,
) -> None:
    """Makes the changes. A creation that fails leaves nothing behind. Raises DeploymentError."""
    # The first sync starts during the creation, so it needs the secrets now.
    secrets = ask_for_secrets(has_agent=parameters.get("Source") == "agent") if is_new else {}
    tokens.store(secrets)
    say(f"CloudFormation changes {stack}; a creation takes about five minutes")
    try:
        stack.execute(change_set)
    except DeploymentError as error:
        if not is_new:
            status = stack.status()
            result = "has undone it" if status == "UPDATE_ROLLBACK_COMPLETE" else "has not undone all of it"
            raise DeploymentError(
                f"the change of {stack} failed and ended with {status}: {error}."
                f" CloudFormation {result}. Correct the cause and deploy again"
            ) from error
        tokens.delete(secrets)
        if stack.status():
            stack.delete()
        raise DeploymentError(
            f"the creation of {stack} failed, and all of it was deleted: {error}."
            " Correct the cause and deploy again"
        ) from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
