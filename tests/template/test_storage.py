"""Tables and buckets: kept when the stack goes, restorable, private."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.template.conftest import Resources

TABLES = [
    "BeeperChatsTable",
    "CachedImagesTable",
    "ChatParticipantsTable",
    "ContactsTable",
    "SyncStateTable",
]


def of_type(resources: Resources, kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


def statements(resources: Resources, bucket: str) -> list[dict[str, Any]]:
    """What the policies of a bucket grant."""
    return [
        statement
        for policy in of_type(resources, "AWS::S3::BucketPolicy").values()
        if policy["Properties"]["Bucket"] == {"Ref": bucket}
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def test_the_stack_has_its_tables(resources: Resources) -> None:
    assert set(TABLES) <= set(of_type(resources, "AWS::DynamoDB::Table"))


def test_every_table_is_on_demand_encrypted_and_restorable_to_any_second(resources: Resources) -> None:
    for name, table in of_type(resources, "AWS::DynamoDB::Table").items():
        properties = table["Properties"]
        assert properties["BillingMode"] == "PAY_PER_REQUEST", name
        # DynamoDB encrypts every table. Without a specification with AWS's own key, which costs nothing.
        assert "SSESpecification" not in properties, name
        assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name


def test_tables_and_pictures_outlive_the_stack(resources: Resources) -> None:
    lasting = [*of_type(resources, "AWS::DynamoDB::Table"), "ImageBucket"]

    for name in lasting:
        assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate", name
        assert resources[name]["UpdateReplacePolicy"] == "Retain", name


def test_whatever_says_what_becomes_of_it_says_so_for_replacement_too(resources: Resources) -> None:
    one_sided = [
        name
        for name, resource in resources.items()
        if ("DeletionPolicy" in resource) != ("UpdateReplacePolicy" in resource)
    ]

    assert one_sided == []


def test_old_versions_of_pictures_are_kept(resources: Resources) -> None:
    assert resources["ImageBucket"]["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_old_versions_expire_and_so_do_the_delete_markers_they_leave(resources: Resources) -> None:
    rules = resources["ImageBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]

    assert {"NoncurrentDays": 30} in [rule.get("NoncurrentVersionExpiration") for rule in rules]
    assert True in [rule.get("ExpiredObjectDeleteMarker") for rule in rules]
    assert {rule["Status"] for rule in rules} == {"Enabled"}


def test_every_bucket_is_private_encrypted_and_has_one_owner(resources: Resources) -> None:
    buckets = of_type(resources, "AWS::S3::Bucket")

    assert {"ImageBucket", "WebBucket"} <= set(buckets)
    for name, bucket in buckets.items():
        properties = bucket["Properties"]
        assert properties["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }, name
        assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}, (
            name
        )
        assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"] == [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        ], name


@pytest.mark.parametrize("bucket", ["ImageBucket", "WebBucket"])
def test_only_our_distribution_reads_a_bucket_from_outside_and_it_only_reads(
    resources: Resources, bucket: str
) -> None:
    granted = statements(resources, bucket)

    assert len(granted) == 1
    assert granted[0]["Effect"] == "Allow"
    assert granted[0]["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert granted[0]["Action"] == "s3:GetObject"
    assert granted[0]["Condition"] == {
        "StringEquals": {
            "AWS:SourceArn": {
                "Fn::Sub": "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}"
            }
        }
    }


def test_originals_are_never_served(resources: Resources) -> None:
    patterns = [statement["Resource"]["Fn::Sub"] for statement in statements(resources, "ImageBucket")]

    assert any(fnmatchcase("${ImageBucket.Arn}/images/abc/192.webp", pattern) for pattern in patterns)
    assert not any(fnmatchcase("${ImageBucket.Arn}/originals/abc", pattern) for pattern in patterns)
