"""web/ → the web bucket, here and on AWS."""

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
    """Make the bucket hold exactly the files of `page`."""
    files = {path.relative_to(page).as_posix(): path for path in page.rglob("*") if path.is_file()}
    for listed in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        if listed["Key"] not in files:
            s3.delete_object(Bucket=bucket, Key=listed["Key"])
    for key, path in files.items():
        kind = _CONTENT_TYPES.get(path.suffix, "application/octet-stream")
        s3.put_object(
            Bucket=bucket, Key=key, Body=path.read_bytes(), ContentType=kind, CacheControl="no-cache"
        )
