"""A stack of CloudFormation: its state, its change sets, and the end of what was started."""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from local.template import read_template

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0
# An update has succeeded; only what it has replaced is still being deleted.
_CLEANING_UP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"


class DeploymentError(Exception):
    """AWS did not do what was asked. The message says what happened and what to do."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a stack: its name in the template, its type, and its name or ARN on AWS."""

    logical_id: str
    type: str
    physical_id: str


class CloudFormationStack:
    """The stack with one name in one region, whether it exists or not."""

    def __init__(self, session: boto3.Session, name: str) -> None:
        self.session = session
        self.name = name
        self._cloudformation: Any = session.client("cloudformation")

    def __str__(self) -> str:
        return f"{self.name} in {self.session.region_name}"

    def status(self) -> str:
        """Returns CloudFormation's word for the stack's state, or an empty text if there is no such stack."""
        return str(self._description().get("StackStatus", ""))

    def is_protected(self) -> bool:
        """Returns whether CloudFormation refuses to delete the stack until its protection is turned off."""
        return bool(self._description().get("EnableTerminationProtection"))

    def refuse_another_application(self) -> None:
        """Raises DeploymentError if the stack has resources, and none of them is in our template."""
        names = {resource.logical_id for resource in self.resources()}
        if names and names.isdisjoint(read_template()["Resources"]):
            raise DeploymentError(f"{self} belongs to another application: choose another STACK")

    def outputs(self) -> dict[str, str]:
        """Returns the outputs. There are none until the stack has been created."""
        return {entry["OutputKey"]: entry["OutputValue"] for entry in self._description().get("Outputs", [])}

    def deployed_outputs(self) -> dict[str, str]:
        """Returns the outputs. Raises DeploymentError if the stack is not deployed."""
        outputs = self.outputs()
        if not {"Address", "WebBucket"} <= outputs.keys():
            raise DeploymentError(
                f"{self} is not deployed: check STACK and the region, or deploy it with `make deploy`"
            )
        return outputs

    def parameters(self) -> dict[str, str]:
        """Returns the values of the template's parameters."""
        parameters = self._description().get("Parameters", [])
        return {entry["ParameterKey"]: entry["ParameterValue"] for entry in parameters}

    def resources(self) -> list[Resource]:
        """Returns what belongs to the stack. Raises ClientError if there is no such stack."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return [
            Resource(entry["LogicalResourceId"], entry["ResourceType"], entry["PhysicalResourceId"])
            for page in pages
            for entry in page["StackResourceSummaries"]
            if entry.get("PhysicalResourceId") and entry["ResourceStatus"] != "DELETE_COMPLETE"
        ]

    def kept_by_the_last_deletion(self, logical_ids: Collection[str]) -> list[Resource]:
        """Returns what the last deleted stack of this name has left of these resources, by its own history.

        A deleted stack that has left none of them, such as a failed creation, is passed over for the one
        before it. CloudFormation forgets a deleted stack and its history after 90 days.
        """
        pages = self._cloudformation.get_paginator("list_stacks").paginate(
            StackStatusFilter=["DELETE_COMPLETE"]
        )
        deleted = [
            (entry["CreationTime"], entry["StackId"])
            for page in pages
            for entry in page["StackSummaries"]
            if entry["StackName"] == self.name
        ]
        for _, stack_id in sorted(deleted, reverse=True):
            # Update and deletion skip what the template retains. The events name it in each case.
            kept = {
                Resource(event["LogicalResourceId"], event["ResourceType"], event["PhysicalResourceId"])
                for event in self._events(stack_id)
                if event["ResourceStatus"] == "DELETE_SKIPPED" and event["LogicalResourceId"] in logical_ids
            }
            if kept:
                return sorted(kept, key=lambda resource: resource.physical_id)
        return []

    def physical_ids_in_history(self, resource_type: str) -> set[str]:
        """Returns the names on AWS of all resources of a type that the stack has or had.

        CloudFormation keeps this history for 90 days.
        """
        return {
            event["PhysicalResourceId"]
            for event in self._events()
            if event["ResourceType"] == resource_type and event.get("PhysicalResourceId")
        }

    def change_sets(self) -> set[str]:
        """Returns the ids of the change sets that can be executed."""
        if not self.status():
            return set()
        pages = self._cloudformation.get_paginator("list_change_sets").paginate(StackName=self.name)
        return {
            entry["ChangeSetId"]
            for page in pages
            for entry in page["Summaries"]
            if entry["ExecutionStatus"] == "AVAILABLE"
        }

    def discard(self, change_set: str) -> None:
        """Deletes a change set that is not to be executed."""
        self._cloudformation.delete_change_set(ChangeSetName=change_set)

    def execute(self, change_set: str) -> None:
        """Makes the changes and returns when they are complete. Raises DeploymentError with AWS's reasons."""
        self._cloudformation.execute_change_set(ChangeSetName=change_set)
        # The stack's own status is asked only afterwards: at first it is still that of the last deployment.
        _wait_until(lambda: self._execution_status(change_set) not in {"AVAILABLE", "EXECUTE_IN_PROGRESS"})
        _wait_until(lambda: self._is_at_rest(self.status()))
        status = self.status()
        if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE", _CLEANING_UP}:
            raise DeploymentError(self._reasons() or f"CloudFormation ended with {status}")

    def delete(self) -> None:
        """Deletes the stack and returns when it is gone. Raises DeploymentError with AWS's reasons."""
        self._cloudformation.delete_stack(StackName=self.name)
        _wait_until(lambda: self._is_at_rest(self.status()))
        if self.status():
            raise DeploymentError(self._reasons() or f"CloudFormation ended with {self.status()}")

    @staticmethod
    def _is_at_rest(status: str) -> bool:
        return not status.endswith("_IN_PROGRESS") or status in {_CLEANING_UP, "REVIEW_IN_PROGRESS"}

    def _description(self) -> dict[str, Any]:
        try:
            [description] = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            # CloudFormation answers ValidationError for this as well as for a malformed name.
            if "does not exist" in str(error):
                return {}
            raise
        # A deleted stack is found by its id only; the engine finds it by its name as well.
        return {} if description["StackStatus"] == "DELETE_COMPLETE" else dict(description)

    def _execution_status(self, change_set: str) -> str:
        try:
            description = self._cloudformation.describe_change_set(ChangeSetName=change_set)
        except self._cloudformation.exceptions.ChangeSetNotFoundException:
            return ""  # it is gone together with a stack that was deleted by somebody else
        return str(description["ExecutionStatus"])

    def _events(self, stack_id: str = "") -> Iterable[dict[str, Any]]:
        """Yields what happened to the stack, or to a deleted one with this id, the newest first."""
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(
            StackName=stack_id or self.name
        )
        for page in pages:
            yield from page["StackEvents"]

    def _reasons(self) -> str:
        """Returns why the first three resources failed in the last operation, or an empty text."""
        failures: list[str] = []
        reason_of_stack = ""
        for event in self._events():
            status = event["ResourceStatus"]
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceType"] == "AWS::CloudFormation::Stack":
                # Also when CloudFormation refuses the template as a whole, before it creates anything.
                if status.endswith("_FAILED"):
                    reason_of_stack = reason
                if status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}:
                    break  # older events are of an earlier operation
            elif status.endswith("_FAILED"):
                failures.append(f"{event['LogicalResourceId']}: {reason}")
        return "; ".join(failures[::-1][:3]) or reason_of_stack


def _wait_until(is_over: Callable[[], bool]) -> None:
    pause = _FIRST_PAUSE_SECONDS
    while not is_over():
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
