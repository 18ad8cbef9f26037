"""Answers a process's requests to DynamoDB and S3 as if the tables and the bucket had any number of images.

Each page is made when it is requested, so no memory is needed for what is in the tables. Each image is shown
by one member, and ten images share their content. No write is kept.
"""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import orjson
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from imagecache.stores.blobs import object_keys
from imagecache.wiring import MakeClient

_ROWS_A_PAGE = 2_000  # about what DynamoDB returns of rows with 500 bytes
_VERSIONS_A_PAGE = 1_000
_IMAGES_A_CONTENT = 10
_MEMBERS_A_CHAT = 100
_MOMENT = "1800000000000"

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class GeneratedPages:
    """The content of the tables and of the bucket."""

    images: int

    def clients(self, make: MakeClient) -> MakeClient:
        """Returns a maker of AWS clients that send nothing to DynamoDB and S3."""

        def make_client(service: str, **options: Any) -> Any:
            client: Any = make(service, **options)
            client.meta.events.register("before-send.dynamodb.*", self._respond_as_dynamodb)
            client.meta.events.register("before-send.s3.ListObjectVersions", self._respond_as_s3)
            return client

        return make_client

    def _respond_as_dynamodb(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        sent = json.loads(cast("bytes", request.body))
        return _response(request, orjson.dumps(self._answer(operation, sent)))

    def _answer(self, operation: str, request: Any) -> Item:
        match operation, request.get("TableName"), request.get("IndexName"):
            case "Scan", "CachedImagesTable", "byBlob":
                return self._page(request, "imageKey", self._stored_image)
            case "Scan", "CachedImagesTable", None:
                return self._page(request, "imageKey", self._image)
            case "Scan", "ChatParticipantsTable", _:
                return self._page(request, "participantId", self._member)
            case (("Scan" | "Query"), _, _):
                return {"Items": [], "Count": 0, "ScannedCount": 0}
            case "GetItem", _, _:
                return {"Item": {**request["Key"], "completedAt": {"N": _MOMENT}, "fence": {"N": "1"}}}
        return {}

    def _page(self, request: Any, key: str, make: Callable[[int], Item]) -> Item:
        """Returns the next page of a scan. The value of the attribute `key` ends with the row's number."""
        last = request.get("ExclusiveStartKey")
        start = int(last[key]["S"].rpartition("_")[2]) + 1 if last else 0
        end = min(start + request.get("Limit", _ROWS_A_PAGE), self.images)
        answer: Item = {"Items": [make(number) for number in range(start, end)]}
        if end < self.images:
            answer["LastEvaluatedKey"] = {key: {"S": f"_{end - 1}"}, "chatId": {"S": "!"}}
        return answer

    def _image(self, number: int) -> Item:
        return {
            **self._stored_image(number),
            "sourceUrl": {"S": f"mxc://{_image_key(number)}"},
            "status": {"S": "cached"},
            "checkedAt": {"N": _MOMENT},
        }

    def _stored_image(self, number: int) -> Item:
        blob_id = _blob_id(number // _IMAGES_A_CONTENT)
        return {
            "imageKey": {"S": _image_key(number)},
            "blobId": {"S": blob_id},
            "fileSize": {"N": "20000"},
        }

    def _member(self, number: int) -> Item:
        return {
            "chatId": {"S": f"!{number // _MEMBERS_A_CHAT}"},
            "participantId": {"S": f"@_{number}"},
            "imageKey": {"S": _image_key(number)},
            "personIds": {"S": f"{number:032x}"},
            "fullName": {"S": f"Person {number}"},
            "isSelf": {"BOOL": False},
        }

    def _respond_as_s3(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        query = parse_qs(urlsplit(request.url).query)
        [prefix] = query["prefix"]
        names = [name for name in object_keys("") if name.startswith(prefix)]
        total = len(names) * -(-self.images // _IMAGES_A_CONTENT)
        start = int(query["version-id-marker"][0]) if "version-id-marker" in query else 0
        end = min(start + _VERSIONS_A_PAGE, total)
        entries = "".join(_version(names, number) for number in range(start, end))
        is_last = "false" if end == total else "true"
        marker = f"<NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>{end}</NextVersionIdMarker>"
        body = (
            f"<ListVersionsResult><IsTruncated>{is_last}</IsTruncated>"
            f"{marker if end < total else ''}{entries}</ListVersionsResult>"
        )
        return _response(request, body.encode())


def _image_key(number: int) -> str:
    return f"local.beeper.com/alex_{number:022}"


def _blob_id(number: int) -> str:
    return f"{number:064x}"


def _version(names: list[str], number: int) -> str:
    """Returns an entry of S3's list. `names` are the keys of a blob's objects without the blob's id."""
    blob, name = divmod(number, len(names))
    prefix, _, size = names[name].partition("/")
    key = "/".join(part for part in (prefix, _blob_id(blob), size.lstrip("/")) if part)
    return (
        f"<Version><Key>{key}</Key><VersionId>v</VersionId><IsLatest>true</IsLatest>"
        "<LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>20000</Size></Version>"
    )


def _response(request: AWSPreparedRequest, body: bytes) -> AWSResponse:
    return AWSResponse(request.url, HTTPStatus.OK, {}, _Body(body))  # type: ignore[arg-type]  # a class with the same methods


class _Body(io.BytesIO):
    """The body of an answer, in the form in which botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()
