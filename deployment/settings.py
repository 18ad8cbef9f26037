"""Reads what a deployment needs to know from environment variables, and asks for the rest at a terminal."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import UnknownRegionError

from deployment.terminal import ask, has_terminal
from local.console import complain
from local.settings import SettingsError, check_region
from local.template import Template

# A name that the template gives to CloudFront adds a hyphen and the region, at most 15 characters, and may
# have 64. Names of SSM parameters must not begin with "aws" or "ssm".
_STACK_NAME = r"(?!(?i:aws|ssm))[a-zA-Z][a-zA-Z0-9-]{0,47}"
_NAME_ADVICE = (
    "at most 48 letters, digits and hyphens, not beginning with aws or ssm, for example STACK=imagecache"
)
_HTTPS = r"https://[^/?#@]+"
_HTTPS_ADVICE = "an https address without a path, for example your tunnel's"


def read_stack_name(environment: Mapping[str, str]) -> str:
    """Returns the name of the stack. Raises SettingsError if it is not set, or AWS would refuse it."""
    name = environment.get("STACK", "")
    if not re.fullmatch(_STACK_NAME, name):
        raise SettingsError(f"STACK must be set to the name of the stack: {_NAME_ADVICE}")
    return name


def read_source_name(environment: Mapping[str, str]) -> str:
    """Returns the name with which the tables to be recovered begin. Raises SettingsError if it is not set."""
    name = environment.get("FROM", "")
    if not re.fullmatch(r"[a-zA-Z0-9_.-]+", name):
        raise SettingsError("FROM must be set to the name of the stack whose data is to be recovered")
    return name


def read_repetition(environment: Mapping[str, str]) -> bool:
    """Returns whether a recovery may be repeated. Raises SettingsError unless `AGAIN` is empty or yes."""
    choice = environment.get("AGAIN", "")
    if choice not in {"", "yes"}:
        raise SettingsError("AGAIN must be yes, or not be set")
    return choice == "yes"


def read_region(environment: Mapping[str, str]) -> str:
    """Returns the region for everything: that of the environment, else of the profile, else the answer.

    Raises SettingsError if there is none, or if it is not a commercial region: CloudFront exists in no other.
    """
    region = (
        environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or boto3.Session().region_name
        or (ask("AWS region, for example eu-west-1") if has_terminal() else "")
    )
    if not region:
        raise SettingsError("no AWS region is known: set AWS_REGION, for example AWS_REGION=eu-west-1")
    try:
        partition = boto3.Session().get_partition_for_region(region)
    except UnknownRegionError:
        partition = ""
    if partition != "aws":
        raise SettingsError(
            f"{region!r} is not a commercial AWS region: set AWS_REGION to one, such as eu-west-1"
        )
    return str(region)


def read_parameters(environment: Mapping[str, str], template: Template) -> dict[str, str]:
    """Returns the parameters of the template that `BEEPER_URL` and `PARAMETERS` set.

    `PARAMETERS` holds `Name=value` pairs, separated by spaces and quoted as in a shell. Raises SettingsError
    if one of them is unknown or not allowed by the template.
    """
    parameters = {}
    try:
        pairs = shlex.split(environment.get("PARAMETERS", ""))
    except ValueError as error:
        raise SettingsError(f"PARAMETERS cannot be read ({error}): quote values that have spaces") from error
    for pair in pairs:
        name, equals, parameters[name] = pair.partition("=")
        if not equals or name not in template["Parameters"]:
            raise SettingsError(
                f"PARAMETERS must be Name=value pairs of the template's parameters, not {pair!r}"
            )
    if url := environment.get("BEEPER_URL"):
        if not re.fullmatch(_HTTPS, url):
            raise SettingsError(f"BEEPER_URL must be {_HTTPS_ADVICE}")
        parameters["BeeperUrl"] = url
    for name, value in parameters.items():
        if problem := _problem_of(value, template["Parameters"][name]):
            raise SettingsError(f"{name} {problem}, not {value!r}")
    if region := parameters.get("DefaultRegion"):
        check_region(region, name="DefaultRegion")
    return parameters


def complete_parameters(given: Mapping[str, str], template: Template) -> dict[str, str]:
    """Returns the parameters of a new stack: those that are given, and the answers to what is not.

    Raises SettingsError if Beeper's address is missing and there is no terminal.
    """
    parameters = dict(given)
    if "BeeperUrl" not in parameters and parameters.get("Source") != "agent":
        if not has_terminal():
            raise SettingsError(
                f"BEEPER_URL must be set to {_HTTPS_ADVICE}; or PARAMETERS=Source=agent for an agent instead"
            )
        question = "The https address at which AWS reaches Beeper (your tunnel's)"
        parameters["BeeperUrl"] = _ask_until_valid(
            question, {"AllowedPattern": _HTTPS, **_described(_HTTPS_ADVICE)}
        )
    if has_terminal() and "AlarmEmail" not in parameters:
        question = "The address that gets mail about alarms (leave empty for no mail)"
        parameters["AlarmEmail"] = _ask_until_valid(question, template["Parameters"]["AlarmEmail"])
        if parameters["AlarmEmail"] and "MonthlyBudget" not in parameters:
            question = "US dollars a month above which it gets mail about costs, too (0 for no such mail)"
            parameters["MonthlyBudget"] = _ask_until_valid(question, template["Parameters"]["MonthlyBudget"])
    return parameters


def _described(advice: str) -> dict[str, str]:
    return {"ConstraintDescription": f"must be {advice}"}


def _ask_until_valid(question: str, parameter: Mapping[str, Any]) -> str:
    while problem := _problem_of(answer := ask(question), parameter):
        complain(f"The answer {problem}.")
    return answer


def _problem_of(value: str, parameter: Mapping[str, Any]) -> str | None:
    """Returns what is wrong with a value of the template's parameter, or None."""
    if not re.fullmatch(parameter.get("AllowedPattern", ".*"), value):
        return str(parameter.get("ConstraintDescription", f"must match {parameter['AllowedPattern']}"))
    allowed = [str(choice) for choice in parameter.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"must be one of {', '.join(allowed)}"
    if parameter.get("Type") == "Number":
        least = int(parameter.get("MinValue", 0))
        most = int(parameter.get("MaxValue", 2**31))
        if not re.fullmatch(r"[0-9]{1,10}", value) or not least <= int(value) <= most:
            return f"must be a whole number from {least} to {most}"
    return None
