"""The image bucket: originals/<blobId> exactly as fetched, images/<blobId>/<size>.webp as served."""

import hashlib
from typing import TYPE_CHECKING

from imagecache.model import SIZES, Picture

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A blob's content never changes: other bytes are another blob.
_FOREVER = "public, max-age=31536000, immutable"


def blob_id(salt: bytes, original: bytes) -> str:
    """The salt keeps outsiders from testing whose public picture this is by hashing that picture."""
    return hashlib.sha256(salt + original).hexdigest()


def image_path(blob_id: str, size: int) -> str:
    """The path of a WebP below the one domain, and with that its object key."""
    return f"/images/{blob_id}/{size}.webp"


class Blobs:
    """Objects of the image bucket. Content-addressed: storing twice writes the same bytes again."""

    def __init__(self, *, bucket: str, s3: "S3Client") -> None:
        self._bucket = bucket
        self._s3 = s3

    def put(self, blob_id: str, original: bytes, picture: Picture) -> None:
        """The original first: it may be the last copy there is."""
        self._s3.put_object(
            Bucket=self._bucket,
            Key=f"originals/{blob_id}",
            Body=original,
            ContentType=picture.content_type,
        )
        for size in SIZES:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=image_path(blob_id, size).lstrip("/"),
                Body=picture.thumbnails[size],
                ContentType="image/webp",
                CacheControl=_FOREVER,
            )

    def delete_versions(self, blob_id: str, *, before: int) -> int:
        """Every version last modified before that moment (ms), by its id; how many. Younger ones stay."""
        doomed = [
            version
            for prefix in (f"originals/{blob_id}", f"images/{blob_id}/")
            for page in self._s3.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if version["LastModified"].timestamp() * 1000 < before
        ]
        for version in doomed:
            self._s3.delete_object(Bucket=self._bucket, Key=version["Key"], VersionId=version["VersionId"])
        return len(doomed)
