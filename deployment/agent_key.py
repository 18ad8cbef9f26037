"""Makes the access key with which the agent of a stack uses AWS, and ends it: `make agent-credentials`.

The key belongs to a user of its own, who has the stack's AgentPolicy and nothing else. The user is not part
of the template: CloudFormation could delete neither a user who has a key nor a policy that a user has.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from deployment.stack import CloudFormationStack, DeploymentError
from deployment.tokens import write_private
from local.console import announce, say
from local.settings import SettingsError
from local.template import ROOT

_POLICY = "AgentPolicyArn"
_PATH = "/imagecache-agent/"


class AgentUser:
    """The user of a stack's agent, whether it exists or not. IAM knows no regions, so its name has one."""

    def __init__(self, stack: CloudFormationStack) -> None:
        self._iam: Any = stack.session.client("iam")
        # At most 48 and 14 characters: IAM allows 64.
        self.name = f"{stack.name}.{stack.session.region_name}"

    def new_key(self, policy_arn: str, *, in_use: str) -> Mapping[str, str]:
        """Makes a key, and the user before if there is none.

        Of two earlier keys, of which a user has no more, the one with the id `in_use` stays, else the newer.
        """
        with suppress(self._iam.exceptions.EntityAlreadyExistsException):
            self._iam.create_user(UserName=self.name, Path=_PATH)
        self._iam.attach_user_policy(UserName=self.name, PolicyArn=policy_arn)
        earlier = sorted(self._key_ids(), key=lambda key_id: key_id != in_use)
        for key_id in earlier[1:]:  # of a command that was interrupted
            self._delete_key(key_id)
        key: Mapping[str, str] = self._iam.create_access_key(UserName=self.name)["AccessKey"]
        return key

    def keep_only(self, kept: str) -> None:
        """Ends all keys but the one with the id `kept`; with an empty text, all."""
        for key_id in self._key_ids():
            if key_id != kept:
                self._delete_key(key_id)

    def revoke(self) -> bool:
        """Deletes the user with all keys. Returns False if there is no such user."""
        try:
            self.keep_only("")
            for policy in self._iam.list_attached_user_policies(UserName=self.name)["AttachedPolicies"]:
                self._iam.detach_user_policy(UserName=self.name, PolicyArn=policy["PolicyArn"])
            self._iam.delete_user(UserName=self.name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchEntity":
                return False
            raise
        return True

    def _delete_key(self, key_id: str) -> None:
        self._iam.delete_access_key(UserName=self.name, AccessKeyId=key_id)

    def _key_ids(self) -> list[str]:
        """Returns the ids of the user's keys, the newest first."""
        keys = self._iam.list_access_keys(UserName=self.name)["AccessKeyMetadata"]
        return [key["AccessKeyId"] for key in sorted(keys, key=lambda key: key["CreateDate"], reverse=True)]


def key_file(stack: str) -> Path:
    """Returns the file in which `imagecache agent` looks for the key of this stack's agent."""
    return ROOT / ".local" / f"{stack}.agent-key"


def agent_credentials(stack: CloudFormationStack, environment: Mapping[str, str]) -> None:
    """Makes a new key for the agent and stores it, or does what `REVOKE=yes` or `ASSUME_ROLE=yes` says.

    Raises SettingsError if one of them is set to anything else, and DeploymentError.
    """
    chosen = _choice(environment)
    if chosen == "REVOKE":
        _revoke(stack)
        return
    policy_arn = stack.deployed_outputs().get(_POLICY)
    if policy_arn is None:
        raise DeploymentError(f"{stack} is of an earlier version: deploy this one first with `make deploy`")
    if chosen == "ASSUME_ROLE":
        _explain_role(stack, policy_arn)
        return
    file, user = key_file(stack.name), AgentUser(stack)
    in_use = _stored_id(file)
    key = user.new_key(policy_arn, in_use=in_use)
    stored = {
        "accessKeyId": key["AccessKeyId"],
        "secretAccessKey": key["SecretAccessKey"],
        "region": str(stack.session.region_name),
    }
    try:
        write_private(file, f"{json.dumps(stored)}\n")
    except OSError as error:
        user.keep_only(in_use)
        raise DeploymentError(
            f"{file} cannot be written ({error.strerror}): the key before works on"
        ) from error
    user.keep_only(stored["accessKeyId"])
    announce(f"the key of the agent of {stack} is in {file}; keys made before do not work any more")
    if sys.stdout.isatty():
        announce(f"this once: access key {stored['accessKeyId']}, secret {stored['secretAccessKey']}")
    say("copy the file to the same place in the clone on Beeper's computer, if that is another one")
    if stack.parameters().get("Source") != "agent":
        say(
            f"{stack} still reads Beeper through a tunnel:"
            f" run `make deploy STACK={stack.name} PARAMETERS=Source=agent`"
        )


def _stored_id(file: Path) -> str:
    """Returns the id of the key in this file, or an empty text if there is none that can be read."""
    try:
        return str(json.loads(file.read_text())["accessKeyId"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _choice(environment: Mapping[str, str]) -> str:
    chosen = [name for name in ("REVOKE", "ASSUME_ROLE") if environment.get(name)]
    if any(environment[name] != "yes" for name in chosen) or len(chosen) > 1:
        raise SettingsError("REVOKE or ASSUME_ROLE must be yes, or neither be set")
    return chosen[0] if chosen else ""


def _revoke(stack: CloudFormationStack) -> None:
    was_there = AgentUser(stack).revoke()
    file = key_file(stack.name)
    file.unlink(missing_ok=True)
    if was_there:
        announce(f"the agent of {stack} has no key any more, and its user is deleted")
    else:
        announce(f"the agent of {stack} had no key")


def _explain_role(stack: CloudFormationStack, policy_arn: str) -> None:
    """Prints how the agent can use a role instead of a key that does not end by itself."""
    for line in (
        "1. make a role that you may assume, and give it the policy of the agent and nothing else:",
        f"   aws iam create-role --role-name {stack.name}-agent --assume-role-policy-document \\",
        '     \'{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
        '"Principal":{"AWS":"<your ARN: aws sts get-caller-identity>"}}]}\'',
        f"   aws iam attach-role-policy --role-name {stack.name}-agent --policy-arn {policy_arn}",
        "2. add a profile to ~/.aws/config on Beeper's computer:",
        f"   [profile {stack.name}-agent]",
        f"   role_arn = <the ARN of {stack.name}-agent>",
        "   source_profile = <your profile>",
        f"   region = {stack.session.region_name}",
        f"3. AWS_PROFILE={stack.name}-agent imagecache agent --stack {stack.name}",
        f"   (a file {key_file(stack.name).name} would be used instead: delete it with REVOKE=yes)",
    ):
        announce(line)
