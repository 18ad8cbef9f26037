"""Deploys template.yaml to the engine through CloudFormation's API. The engine makes the SAM transform."""

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import samtranslator  # type: ignore[import-untyped]  # ships no types
from botocore.exceptions import BotoCoreError, ClientError

from local.clients import client
from local.engine import REGION, Engine
from local.packages import Package, build_packages
from local.routes import wire_routes
from local.state_folder import ARTIFACTS
from local.template import Template, parameter_values, with_plain_numbers

_DEPLOYED = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


class DeployError(Exception):
    """The engine refused the template. The message says why."""


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A deployed stack. `resources` maps logical ids of the template to the names in the engine."""

    name: str
    engine: Engine
    template: Template
    resources: Mapping[str, str]
    outputs: Mapping[str, str]


def deploy(
    engine: Engine,
    template: Template,
    *,
    root: Path,
    builds: Path,
    name: str,
    parameters: Mapping[str, str],
    secrets: Mapping[str, str],
) -> DeployedStack:
    """Creates the stack, or updates it to the template, and returns it.

    Paths in the template are relative to `root`. Layers are built into the folder `builds`. `secrets` are
    stored as SecureStrings. After any error the engine is killed, so that it does not save a partly updated
    stack. Raises DeployError or BuildError, or ChildError if the engine has ended.
    """
    try:
        packages = build_packages(template, root, builds)
        for service in ("ssm", "s3", "cloudformation", "apigatewayv2"):
            client(engine, service)  # while the engine still starts
        _put_secrets(engine, name, secrets)
        deployable = _with_packages(engine, template, packages)
        values = parameter_values(template, parameters)
        _create_or_update(engine, name, with_plain_numbers(deployable, values), values)
        stack = _describe(engine, name, template)
        wire_routes(engine, name, stack.resources, values)
        engine.save()
    except BaseException as error:
        if isinstance(error, BotoCoreError):
            engine.child.check()  # if the engine has ended, its ChildError explains more than this error
        engine.child.kill()
        raise
    return stack


def _put_secrets(engine: Engine, name: str, secrets: Mapping[str, str]) -> None:
    """Stores the secrets below `/<name>/`, and deletes secrets of an earlier start that are no longer set."""
    ssm = client(engine, "ssm")
    stored = ssm.get_parameters_by_path(Path=f"/{name}")["Parameters"]
    # Parameters of other types belong to the template.
    outdated = [
        entry["Name"]
        for entry in stored
        if entry["Type"] == "SecureString" and entry["Name"].rpartition("/")[2] not in secrets
    ]
    if outdated:
        ssm.delete_parameters(Names=outdated)
    for key, value in secrets.items():
        ssm.put_parameter(Name=f"/{name}/{key}", Value=value, Type="SecureString", Overwrite=True)


def _with_packages(engine: Engine, template: Template, packages: list[Package]) -> Template:
    """Uploads the packages, deletes older ones, and returns the template with the S3 keys of the new ones."""
    s3 = client(engine, "s3")
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": REGION})
    present = {entry["Key"] for entry in s3.list_objects_v2(Bucket=ARTIFACTS).get("Contents", [])}
    resources: dict[str, Any] = dict(template["Resources"])
    for package in packages:
        key = package.archive.name
        if key not in present:
            s3.put_object(Bucket=ARTIFACTS, Key=key, Body=package.archive.read_bytes())
        resource = resources[package.logical_id]
        properties = {**resource["Properties"], package.property: {"Bucket": ARTIFACTS, "Key": key}}
        resources[package.logical_id] = {**resource, "Properties": properties}
    for key in present - {package.archive.name for package in packages}:
        s3.delete_object(Bucket=ARTIFACTS, Key=key)
    return {**template, "Resources": resources}


def _body(template: Template) -> str:
    """Returns the template as JSON without blanks, and without the descriptions of parameters and outputs.

    A template in a request to CloudFormation may have at most 51,200 bytes. SAM uploads a longer one to a
    bucket instead. Only AWS's console shows the descriptions. The version of SAM's translator is part of the
    template, because another version may translate the same template to other resources.
    """
    parts = {
        part: {name: {**described, "Description": ""} for name, described in template[part].items()}
        for part in ("Parameters", "Outputs")
        if part in template
    }
    metadata = {"SamTranslator": samtranslator.__version__}
    return json.dumps({**template, **parts, "Metadata": metadata}, separators=(",", ":"))


def _create_or_update(engine: Engine, name: str, template: Template, values: Mapping[str, str]) -> None:
    """Creates the stack, or updates it if its template or a parameter has changed. Raises DeployError.

    The engine would translate the template first and then refuse an update without a change, after seconds.
    """
    cloudformation = client(engine, "cloudformation")
    body = _body(template)
    stack = _find_stack(cloudformation, name)
    if stack and _is_deployed(cloudformation, stack, body, values):
        return
    request = {
        "StackName": name,
        "TemplateBody": body,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    try:
        if stack:
            cloudformation.update_stack(**request)
        else:
            cloudformation.create_stack(**request)
    except ClientError as error:
        if "No updates" in str(error):  # CloudFormation has no separate error code for this
            return
        raise DeployError(str(error)) from error
    while (status := _described(cloudformation, name)["StackStatus"]).endswith("IN_PROGRESS"):
        time.sleep(0.05)
    if status not in _DEPLOYED:
        reason = _reason(cloudformation, name) or status
        raise DeployError(
            f"{reason} (if you did not change template.yaml: copy .local/ to a safe place, run `make clean`,"
            " which deletes all local pictures and contacts, and start again)"
        )


def _find_stack(cloudformation: Any, name: str) -> dict[str, Any] | None:
    """Returns the description of the stack, or None if there is no such stack."""
    try:
        return _described(cloudformation, name)
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _described(cloudformation: Any, name: str) -> dict[str, Any]:
    stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return stack


def _is_deployed(cloudformation: Any, stack: Mapping[str, Any], body: str, values: Mapping[str, str]) -> bool:
    """Returns True if the stack was deployed from the template `body` with these parameters."""
    deployed = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
    if stack["StackStatus"] not in _DEPLOYED or deployed != values:
        return False
    # The client returns a template in JSON as an object.
    answer = cloudformation.get_template(StackName=stack["StackName"], TemplateStage="Original")
    return bool(answer["TemplateBody"] == json.loads(body))


def _reason(cloudformation: Any, name: str) -> str:
    """Returns the errors of the first three resources that failed, or an empty text."""
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]  # newest first
    failures = [event for event in reversed(events) if event["ResourceStatus"].endswith("FAILED")]
    return "; ".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}" for event in failures[:3]
    )


def _describe(engine: Engine, name: str, template: Template) -> DeployedStack:
    cloudformation = client(engine, "cloudformation")
    resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    outputs = _described(cloudformation, name).get("Outputs", [])
    return DeployedStack(
        name=name,
        engine=engine,
        template=template,
        resources={entry["LogicalResourceId"]: entry["PhysicalResourceId"] for entry in resources},
        outputs={entry["OutputKey"]: entry["OutputValue"] for entry in outputs},
    )
