"""Plays the SAM CLI: records how it was called, and creates the change set of a small template.

`python fake_sam.py FOLDER VERB OPTIONS...`: the folder receives `calls.jsonl`. A file `broken` in it adds a
resource to the template that cannot be created. A file `refused` contains the verb that fails.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

# CloudFormation accepts it in a template, and fails when it creates the queue.
IMPOSSIBLE = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 999_999}}
NOTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Source": {"Type": "String", "Default": "tunnel"},
        "BeeperUrl": {"Type": "String", "Default": "http://127.0.0.1:23373"},
        "AlarmEmail": {"Type": "String", "Default": ""},
        "MonthlyBudget": {"Type": "String", "Default": "0"},
    },
    "Resources": {
        "WebBucket": {"Type": "AWS::S3::Bucket"},
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "BeeperUrl"}}},
        "AgentPolicy": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": NOTHING}},
    },
    "Outputs": {
        "Address": {"Value": "https://d111.cloudfront.example"},
        "WebBucket": {"Value": {"Ref": "WebBucket"}},
        "AgentPolicyArn": {"Value": {"Ref": "AgentPolicy"}},
    },
}


def main() -> None:
    """Does what the verb says; of `build`, nothing."""
    folder = Path(sys.argv[1])
    verb, *options = sys.argv[2:]
    region = {name: os.environ.get(name) for name in ("AWS_REGION", "AWS_DEFAULT_REGION")}
    has_input = not os.path.samestat(os.fstat(0), os.stat(os.devnull))
    with (folder / "calls.jsonl").open("a") as calls:
        call = {"verb": verb, "options": options, "has_input": has_input, **region}
        calls.write(json.dumps(call) + "\n")
    refused = folder / "refused"
    if refused.exists() and refused.read_text() == verb:
        sys.exit(3)
    if verb == "deploy":
        assert "--no-execute-changeset" in options
        assert "--guided" not in options
        _create_change_set(options, broken=(folder / "broken").exists())


def _create_change_set(options: list[str], *, broken: bool) -> None:
    # Importing boto3 takes half a second, which every `build` would wait for, too.
    import boto3  # noqa: PLC0415 - see the comment above
    from botocore.exceptions import ClientError  # noqa: PLC0415 - see the comment above

    stack = options[options.index("--stack-name") + 1]
    region = options[options.index("--region") + 1]
    given = {}
    if "--parameter-overrides" in options:
        text = options[options.index("--parameter-overrides") + 1]
        given = dict(re.findall(r'(\w+)="([^"]*)"', text))
    cloudformation: Any = boto3.client("cloudformation", region_name=region)
    try:
        [description] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        earlier = {entry["ParameterKey"] for entry in description.get("Parameters", [])}
        is_new = description["StackStatus"] in {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"}
    except ClientError:
        earlier = set()
        is_new = True
    template = json.loads(json.dumps(TEMPLATE))
    if broken:
        template["Resources"]["Impossible"] = IMPOSSIBLE
    name = f"fake-{time.time_ns()}"
    kept = [] if is_new else sorted(earlier - given.keys())
    cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=name,
        ChangeSetType="CREATE" if is_new else "UPDATE",
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            *({"ParameterKey": key, "ParameterValue": value} for key, value in given.items()),
            *({"ParameterKey": key, "UsePreviousValue": True} for key in kept),
        ],
    )
    while True:
        answer = cloudformation.describe_change_set(StackName=stack, ChangeSetName=name)
        if answer["Status"] in {"CREATE_COMPLETE", "FAILED"}:
            break
        time.sleep(0.05)
    sys.stdout.write(f"{len(answer.get('Changes', []))} changes\n")


if __name__ == "__main__":
    main()
