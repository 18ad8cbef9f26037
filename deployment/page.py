"""Copies `web/` into the bucket that serves the page, on AWS and in the local stack."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


def publish_page(s3: "S3Client", bucket: str, page: Path) -> None:
    """Makes the bucket hold exactly the files below the folder `page`, and deletes everything else in it."""
    files = {path.relative_to(page).as_posix(): path for path in page.rglob("*") if path.is_file()}
    for listing in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for published in listing.get("Contents", []):
            if published["Key"] not in files:
                s3.delete_object(Bucket=bucket, Key=published["Key"])
    # HTML comes last, so that whoever gets it gets the modules that it loads, too.
    for key, path in sorted(files.items(), key=lambda file: file[1].suffix == ".html"):
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=path.read_bytes(),
            ContentType=_CONTENT_TYPES.get(path.suffix, "application/octet-stream"),
            CacheControl="no-cache",
        )
