"""The image bucket: originals/<blobId> exactly as fetched, images/<blobId>/<size>.webp as served."""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from imagecache.model.image import NO_VALIDATORS, SIZES, Blob, Picture, Validators

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A blob's content never changes: other bytes are another blob.
_FOREVER = "public, max-age=31536000, immutable"


_ORIGINAL, _SERVED = "originals/", "images/"


class Version(NamedTuple):
    """One version of an object, or a mark that it was deleted; `modified_at` in ms, by S3's clock."""

    key: str
    version_id: str
    modified_at: int
    size: int
    is_latest: bool
    is_marker: bool

    @property
    def blob_id(self) -> str:
        """Whose content it is."""
        return self.key.split("/")[1]

    @property
    def is_current(self) -> bool:
        """Whether it is what is served."""
        return self.is_latest and not self.is_marker

    @property
    def is_original(self) -> bool:
        """Or else it is one of the WebPs."""
        return self.key.startswith(_ORIGINAL)


class Deleted(NamedTuple):
    """How many versions, and their bytes."""

    versions: int = 0
    bytes: int = 0


def object_keys(blob_id: str) -> tuple[str, ...]:
    """All objects of a blob, its original first."""
    return (f"{_ORIGINAL}{blob_id}", *(image_path(blob_id, size).lstrip("/") for size in SIZES))


def blob_id(salt: bytes, original: bytes) -> str:
    """The salt keeps outsiders from testing whose public picture this is by hashing that picture."""
    return hashlib.sha256(salt + original).hexdigest()


def described(
    blob_id: str, original: bytes, picture: Picture, validators: Validators = NO_VALIDATORS
) -> Blob:
    """What a row says of this content."""
    return Blob(
        blob_id=blob_id,
        content_type=picture.content_type,
        file_size=len(original),
        width=picture.width,
        height=picture.height,
        placeholder=picture.placeholder,
        color=picture.color,
        validators=validators,
    )


def image_path(blob_id: str, size: int) -> str:
    """The path of a WebP below the one domain, and with that its object key."""
    return f"/images/{blob_id}/{size}.webp"


def image_paths(blob_id: str) -> str:
    """The paths of all sizes, as CloudFront takes them: it counts a wildcard as one path."""
    return f"/images/{blob_id}/*"


class Blobs:
    """Objects of the image bucket. Content-addressed: storing twice writes the same bytes again."""

    def __init__(self, *, bucket: str, s3: "S3Client") -> None:
        self._bucket = bucket
        self._s3 = s3

    def put(self, blob_id: str, original: bytes, picture: Picture) -> None:
        """The original first: it may be the last copy there is."""
        self._s3.put_object(
            Bucket=self._bucket,
            Key=f"{_ORIGINAL}{blob_id}",
            Body=original,
            ContentType=picture.content_type,
        )
        self.put_thumbnails(blob_id, picture)

    def put_thumbnails(self, blob_id: str, picture: Picture) -> None:
        """What is served."""
        for size in SIZES:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=image_path(blob_id, size).lstrip("/"),
                Body=picture.thumbnails[size],
                ContentType="image/webp",
                CacheControl=_FOREVER,
            )

    def original(self, blob_id: str) -> bytes:
        """Exactly as fetched. Raises ClientError."""
        answer = self._s3.get_object(Bucket=self._bucket, Key=f"{_ORIGINAL}{blob_id}")
        return answer["Body"].read()

    def undelete(self, marker: Version) -> None:
        """Whatever version the mark hides is served again."""
        self._s3.delete_object(Bucket=self._bucket, Key=marker.key, VersionId=marker.version_id)

    def versions(self, blob_id: str | None = None) -> Iterator[Version]:
        """Everything that the bucket holds, or that it holds of one blob."""
        wanted = (_ORIGINAL, _SERVED) if blob_id is None else (_ORIGINAL + blob_id, f"{_SERVED}{blob_id}/")
        pages = self._s3.get_paginator("list_object_versions")
        for prefix in wanted:
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    yield _version(entry)

    def delete_versions(self, blob_id: str, *, before: int) -> Deleted:
        """Every version last modified before that moment (ms), by its id. Younger ones stay."""
        doomed = [version for version in self.versions(blob_id) if version.modified_at < before]
        for version in doomed:
            self._s3.delete_object(Bucket=self._bucket, Key=version.key, VersionId=version.version_id)
        return Deleted(len(doomed), sum(version.size for version in doomed))


def _version(entry: Any) -> Version:
    """Only the mark of a deletion has no size."""
    return Version(
        key=entry["Key"],
        version_id=entry["VersionId"],
        modified_at=int(entry["LastModified"].timestamp() * 1000),
        size=entry.get("Size", 0),
        is_latest=entry["IsLatest"],
        is_marker="Size" not in entry,
    )
