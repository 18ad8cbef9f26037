"""The image bucket: originals/<blobId> as downloaded, images/<blobId>/<size>.webp as pages load them.

A blob that is an animation has a moving copy as well, images/<blobId>/anim.webp.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from imagecache.aws_errors import aws_errors_translated
from imagecache.errors import StoreUnavailableError
from imagecache.model.image import NO_VALIDATORS, SIZES, Blob, Picture, Validators

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

    from imagecache.stores.state.salt import SaltStore

_ORIGINAL = "originals/"
_SERVED = "images/"
_MOVING = "anim"
# The content of a blob never changes: the blob's id is a hash of the content.
_FOREVER = "public, max-age=31536000, immutable"
# DeleteObjects' limit.
_MOST_DELETIONS_PER_CALL = 1000
_ATTEMPTS = 3


class Version(NamedTuple):
    """One version of an object, or a delete marker. `modified_at` is in ms, by S3's clock."""

    key: str
    version_id: str
    modified_at: int
    size: int
    is_latest: bool
    is_marker: bool

    @property
    def blob_id(self) -> str:
        """The blob that the object belongs to."""
        return self.key.split("/")[1]

    @property
    def is_current(self) -> bool:
        """True if a GET of the key returns this version."""
        return self.is_latest and not self.is_marker

    @property
    def is_original(self) -> bool:
        """True for the bytes as downloaded, False for one of the WebP files."""
        return self.key.startswith(_ORIGINAL)

    @property
    def is_moving(self) -> bool:
        """True for a moving copy."""
        return self.key == moving_path(self.blob_id).lstrip("/")


class DeletedVersions(NamedTuple):
    """The number of object versions that were deleted, and the sum of their sizes in bytes."""

    versions: int
    freed_bytes: int


def object_keys(blob_id: str, *, is_animated: bool = False) -> tuple[str, ...]:
    """Returns the keys of all objects of a blob, the original's first."""
    paths = [image_path(blob_id, size) for size in SIZES]
    if is_animated:
        paths.append(moving_path(blob_id))
    return (f"{_ORIGINAL}{blob_id}", *(path.lstrip("/") for path in paths))


def blob_id(salt: bytes, original: bytes) -> str:
    """Returns the blob id of this content: 22 characters with the first 128 bits of a salted SHA-256 hash.

    Without the salt, outsiders could test whether a certain public picture is stored by hashing that picture.
    A page has an id for each picture, so it is as short as an id can be that nobody can guess. Earlier
    versions made ids of 64 characters; their objects are served as before.
    """
    return base64.urlsafe_b64encode(hashlib.sha256(salt + original).digest()[:16]).decode().rstrip("=")


def is_blob_of(name: str, salt: bytes, original: bytes) -> bool:
    """Returns True if `name` is the blob id of this content, in its present form or in the earlier one."""
    return name in {blob_id(salt, original), hashlib.sha256(salt + original).hexdigest()}


def image_path(blob_id: str, size: int) -> str:
    """Returns the path of a WebP file in the distribution; without its first slash it is the object's key."""
    return f"/images/{blob_id}/{size}.webp"


def moving_path(blob_id: str) -> str:
    """Returns the path of the moving copy in the distribution."""
    return f"/images/{blob_id}/{_MOVING}.webp"


def image_paths(blob_id: str) -> str:
    """Returns a pattern for the paths of all WebP files. CloudFront charges for a pattern as for one path."""
    return f"/images/{blob_id}/*"


class Blobs:
    """Reads and writes the objects of the image bucket. Every method raises StoreUnavailableError.

    The key of an object is derived from its content, so storing the same content twice changes nothing.
    """

    def __init__(
        self,
        *,
        bucket: str,
        s3: "S3Client",
        salt_store: "SaltStore",
        deletions_per_call: int = _MOST_DELETIONS_PER_CALL,
    ) -> None:
        self._bucket = bucket
        self._s3 = s3
        self._salt_store = salt_store
        self._deletions_per_call = deletions_per_call

    def store(self, original: bytes, picture: Picture, validators: Validators = NO_VALIDATORS) -> Blob:
        """Stores all objects of an image, and returns what its row records about them.

        `validators` are the ETag and Last-Modified that the web server sent with these bytes.
        """
        blob = Blob(
            blob_id=blob_id(self._salt_store.read(), original),
            content_type=picture.content_type,
            file_size=len(original),
            width=picture.width,
            height=picture.height,
            placeholder=picture.placeholder,
            color=picture.color,
            backdrop=picture.backdrop,
            is_animated=picture.animated is not None,
            validators=validators,
        )
        self.put(blob.blob_id, original, picture)
        return blob

    @aws_errors_translated()
    def put(self, blob_id: str, original: bytes, picture: Picture) -> None:
        """Stores all objects of a blob. The original is first, because no other copy of it may exist."""
        self._s3.put_object(
            Bucket=self._bucket,
            Key=f"{_ORIGINAL}{blob_id}",
            Body=original,
            ContentType=picture.content_type,
        )
        self.put_thumbnails(blob_id, picture)

    @aws_errors_translated()
    def put_thumbnails(self, blob_id: str, picture: Picture) -> None:
        """Stores the WebP files that pages load."""
        files = {image_path(blob_id, size): picture.thumbnails[size] for size in SIZES}
        if picture.animated:
            files[moving_path(blob_id)] = picture.animated
        for path, content in files.items():
            self._s3.put_object(
                Bucket=self._bucket,
                Key=path.lstrip("/"),
                Body=content,
                ContentType="image/webp",
                CacheControl=_FOREVER,
            )

    @aws_errors_translated()
    def original(self, blob_id: str) -> bytes:
        """Returns the bytes exactly as they were downloaded.

        Raises StoreUnavailableError if the original is not stored.
        """
        answer = self._s3.get_object(Bucket=self._bucket, Key=f"{_ORIGINAL}{blob_id}")
        return answer["Body"].read()

    def versions(self, blob_id: str | None = None) -> Iterator[Version]:
        """Yields every version and delete marker of one blob, or of the whole bucket if `blob_id` is None."""
        prefixes = (_ORIGINAL, _SERVED) if blob_id is None else (_ORIGINAL + blob_id, f"{_SERVED}{blob_id}/")
        pages = self._s3.get_paginator("list_object_versions")
        with aws_errors_translated():
            for prefix in prefixes:
                for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                    for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                        yield _version(entry)

    def delete(self, versions: Sequence[Version]) -> DeletedVersions:
        """Deletes these versions by their ids, so an object that is stored meanwhile is not deleted."""
        for start in range(0, len(versions), self._deletions_per_call):
            batch = versions[start : start + self._deletions_per_call]
            self._delete_batch([{"Key": version.key, "VersionId": version.version_id} for version in batch])
        return DeletedVersions(len(versions), sum(version.size for version in versions))

    def delete_versions(self, blob_id: str, *, before: int) -> DeletedVersions:
        """Deletes every version and delete marker of the blob that was last modified before `before` (ms)."""
        return self.delete([version for version in self.versions(blob_id) if version.modified_at < before])

    def hide(self, blob_id: str) -> int:
        """Puts a delete marker above each object of the blob, and returns how many objects were current.

        They are no longer served. Their versions are kept: the sweep deletes them after a day, or deletes the
        markers if a row names the blob.
        """
        keys = [version.key for version in self.versions(blob_id) if version.is_current]
        if keys:
            self._delete_batch([{"Key": key} for key in keys])
        return len(keys)

    def undelete(self, markers: Sequence[Version]) -> None:
        """Deletes these delete markers, so that the versions they hide are served again."""
        self.delete(markers)

    @aws_errors_translated()
    def _delete_batch(self, objects: "Sequence[ObjectIdentifierTypeDef]") -> None:
        """Deletes these versions or objects in one call, and retries each for which S3 reports an error.

        Raises StoreUnavailableError if some are left after three calls.
        """
        left = objects
        errors: list[Any] = []
        for _ in range(_ATTEMPTS):
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": left, "Quiet": True})
            errors = answer.get("Errors", [])
            failed = {(error["Key"], error.get("VersionId")) for error in errors}
            left = [each for each in left if (each["Key"], each.get("VersionId")) in failed]
            if not left:
                return
        codes = ", ".join(sorted({error["Code"] for error in errors}))
        raise StoreUnavailableError(f"S3 did not delete {len(left)} object versions: {codes}")


def _version(entry: Any) -> Version:
    """Builds a Version from an entry of S3's list. Only delete markers have no size."""
    return Version(
        key=entry["Key"],
        version_id=entry["VersionId"],
        modified_at=int(entry["LastModified"].timestamp() * 1000),
        size=entry.get("Size", 0),
        is_latest=entry["IsLatest"],
        is_marker="Size" not in entry,
    )
