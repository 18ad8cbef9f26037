"""`publish_page` makes the bucket of the page hold the files of `web/` and nothing else."""

from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws

from deployment.page import publish_page


def list_two_at_a_time(params: dict[str, Any], **_: Any) -> None:
    """S3 lists 1,000 objects at a time, which are too many for a test."""
    params["MaxKeys"] = 2


def test_everything_that_is_not_a_file_of_the_page_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "base.css").write_text("body {}")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="web", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        for number in range(5):
            s3.put_object(Bucket="web", Key=f"removed/{number}.js", Body=b"")
        s3.meta.events.register("before-parameter-build.s3.ListObjectsV2", list_two_at_a_time)

        stored: list[str] = []
        s3.meta.events.register(
            "provide-client-params.s3.PutObject", lambda params, **_: stored.append(params["Key"])
        )

        publish_page(s3, "web", tmp_path)

        assert stored[-1] == "index.html", "whoever gets it gets what it loads, too"
        published = s3.list_objects_v2(Bucket="web")
        assert [entry["Key"] for entry in published["Contents"]] == ["index.html", "styles/base.css"]
        style = s3.get_object(Bucket="web", Key="styles/base.css")
        assert (style["ContentType"], style["CacheControl"]) == ("text/css; charset=utf-8", "no-cache")
