"""Other ways to answer the same page of chats, which `make bench ONLY=readPage` compares with ours.

Each is a function that returns a Lambda response, from the event on: JSON, compressed as fast as possible, in
base64. None of them has an ETag, filters or cursors, so each does less than our route.
"""

import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
import orjson
import urllib3
from boto3.dynamodb.conditions import Key
from botocore.config import Config as BotoConfig
from pynamodb.attributes import (
    BooleanAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from benchmarks.page_rows import (
    CHATS,
    IMAGES_TABLE,
    URL_IMAGES_TABLE,
    chats_table,
    denormalised_table,
    nested_table,
)
from imagecache.stores.images.row import ImageRow

Answer = Callable[[], dict[str, Any]]
_FASTEST = 1
_KEYS_PER_CALL = 100
_REGION = "eu-west-1"
_ACCESS_KEY, _SECRET_KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def access(url: str) -> dict[str, Any]:
    """Returns keywords for clients of the prepared DynamoDB at this URL."""
    return {
        "endpoint_url": url,
        "region_name": _REGION,
        "aws_access_key_id": _ACCESS_KEY,
        "aws_secret_access_key": _SECRET_KEY,
        "config": BotoConfig(max_pool_connections=20, proxies={}),
    }


def environment(url: str) -> dict[str, str]:
    """Returns the environment of a function whose DynamoDB is the prepared one at this URL."""
    return {
        "AWS_ENDPOINT_URL_DYNAMODB": url,
        "AWS_REGION": _REGION,
        "AWS_ACCESS_KEY_ID": _ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": _SECRET_KEY,
    }


def one_look_up_per_image(url: str, images: int) -> Answer:
    """Returns the original design: nested maps of members, and a GetItem for each distinct image.

    The original looked up every reference; here each image is looked up once for a page.
    """
    dynamodb: Any = boto3.resource("dynamodb", **access(url))
    chats = dynamodb.Table(nested_table(images))
    cached_images = dynamodb.Table(URL_IMAGES_TABLE)

    def answer() -> dict[str, Any]:
        page = _newest(chats)
        addresses: dict[str, str | None] = {}
        for source_url in _source_urls(page):
            if source_url not in addresses:
                found = cached_images.get_item(Key={"sourceUrl": source_url}).get("Item")
                addresses[source_url] = found["url"] if found else None
        return _response(json.dumps([_plain_chat(chat, addresses.get) for chat in page]).encode())

    return answer


def denormalised(url: str, images: int) -> Answer:
    """Returns a page whose rows have the addresses of the pictures, so that nothing is looked up."""
    dynamodb: Any = boto3.resource("dynamodb", **access(url))
    chats = dynamodb.Table(denormalised_table(images))

    def answer() -> dict[str, Any]:
        page = _newest(chats)
        addresses = {
            person["imgURL"]: person["imgAddress"]
            for chat in page
            for person in (chat, *chat["participants"])
            if "imgURL" in person
        }
        return _response(json.dumps([_plain_chat(chat, addresses.get) for chat in page]).encode())

    return answer


def pynamodb_batch_get(url: str, images: int) -> Answer:
    """Returns the page as PynamoDB's models read it: nested maps, and `batch_get`, which is sequential."""

    class Member(MapAttribute[Any, Any]):
        id = UnicodeAttribute()
        full_name = UnicodeAttribute(attr_name="fullName", null=True)
        is_self = BooleanAttribute(attr_name="isSelf")
        img_url = UnicodeAttribute(attr_name="imgURL", null=True)

    class ByActivity(GlobalSecondaryIndex[Any]):
        class Meta:
            index_name = "byActivity"
            projection = AllProjection()

        type = UnicodeAttribute(hash_key=True)
        last_activity = NumberAttribute(range_key=True, attr_name="lastActivity")

    class Access:
        host = url
        region = _REGION
        aws_access_key_id = _ACCESS_KEY
        aws_secret_access_key = _SECRET_KEY

    class ChatRow(Model):
        Meta = type("Meta", (Access,), {"table_name": nested_table(images)})  # type: ignore[assignment]  # made at run time
        chat_id = UnicodeAttribute(hash_key=True, attr_name="chatId")
        account_id = UnicodeAttribute(attr_name="accountId")
        network = UnicodeAttribute(null=True)
        type = UnicodeAttribute()
        title = UnicodeAttribute(null=True)
        last_activity = NumberAttribute(attr_name="lastActivity")
        unread_count = NumberAttribute(attr_name="unreadCount")
        is_archived = BooleanAttribute(attr_name="isArchived")
        is_muted = BooleanAttribute(attr_name="isMuted")
        is_pinned = BooleanAttribute(attr_name="isPinned")
        last_message = UnicodeAttribute(null=True, attr_name="lastMessage")
        participant_count = NumberAttribute(attr_name="participantCount")
        img_url = UnicodeAttribute(null=True, attr_name="imgURL")
        participants = ListAttribute(of=Member)
        by_activity = ByActivity()

    class CachedImageRow(ImageRow):
        Meta = type("Meta", (Access,), {"table_name": IMAGES_TABLE})  # type: ignore[assignment]  # made at run time

    def answer() -> dict[str, Any]:
        rows = list(ChatRow.by_activity.query("group", scan_index_forward=False, limit=CHATS))
        page = [row.to_simple_dict() for row in rows]
        keys = {source_url.removeprefix("mxc://"): source_url for source_url in _source_urls(page)}
        addresses = {
            keys[row.image_key]: row.blob_id
            for row in CachedImageRow.batch_get(keys, attributes_to_get=["imageKey", "status", "blobId"])
        }
        return _response(json.dumps([_plain_chat(chat, addresses.get) for chat in page]).encode())

    return answer


def floor(url: str, images: int) -> Answer:
    """Returns the least that can be done in Python: requests signed by hand, and orjson, without any class.

    It reads the same rows as ours, and writes the smallest JSON that shows the same pictures.
    """
    calls = _SignedCalls(url)
    query = orjson.dumps(
        {
            "TableName": chats_table(images),
            "IndexName": "byActivity",
            "KeyConditionExpression": "folder = :folder",
            "ExpressionAttributeValues": {":folder": {"S": "inbox"}},
            "ScanIndexForward": False,
            "Limit": CHATS,
            "ProjectionExpression": "chatId,title,lastActivity,lastMessage,imageKey,participants",
        }
    )

    def look_up(keys: Sequence[str]) -> list[dict[str, Any]]:
        wanted = {
            "Keys": [{"imageKey": {"S": key}} for key in keys],
            "ProjectionExpression": "imageKey,#v",
            "ExpressionAttributeNames": {"#v": "view"},
        }
        found = calls.call("BatchGetItem", orjson.dumps({"RequestItems": {IMAGES_TABLE: wanted}}))
        rows: list[dict[str, Any]] = found["Responses"][IMAGES_TABLE]
        return rows

    def answer() -> dict[str, Any]:
        items = calls.call("Query", query)["Items"]
        previews = [orjson.loads(item["participants"]["S"]) for item in items]
        keys = {
            member["imageKey"]: None for members in previews for member in members if "imageKey" in member
        }
        keys |= {item["imageKey"]["S"]: None for item in items if "imageKey" in item}
        wanted = list(keys)
        chunks = [wanted[start : start + _KEYS_PER_CALL] for start in range(0, len(wanted), _KEYS_PER_CALL)]
        with ThreadPoolExecutor(max(len(chunks), 1)) as pool:
            blobs = {
                row["imageKey"]["S"]: row["view"]["S"][2:66]
                for rows in pool.map(look_up, chunks)
                for row in rows
            }
        page = [
            {
                "chatId": item["chatId"]["S"],
                "title": item["title"]["S"],
                "lastActivity": item["lastActivity"]["N"],
                "lastMessage": item["lastMessage"]["S"],
                "image": blobs.get(item["imageKey"]["S"]) if "imageKey" in item else None,
                "participants": [
                    {"name": member["name"], "image": blobs.get(member.get("imageKey", ""))}
                    for member in members
                ],
            }
            for item, members in zip(items, previews, strict=True)
        ]
        return _response(orjson.dumps(page))

    return answer


class _SignedCalls:
    """Calls DynamoDB with a signature (Signature Version 4) that is computed here."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._pool = urllib3.HTTPConnectionPool(parts.hostname or "", parts.port, maxsize=20)

    def call(self, operation: str, body: bytes) -> Any:
        """Returns the JSON of the answer."""
        now = datetime.now(UTC)
        moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        target = f"DynamoDB_20120810.{operation}"
        names = "content-type;host;x-amz-date;x-amz-target"
        canonical = (
            f"POST\n/\n\ncontent-type:application/x-amz-json-1.0\nhost:{self._host}\nx-amz-date:{moment}\n"
            f"x-amz-target:{target}\n\n{names}\n{hashlib.sha256(body).hexdigest()}"
        )
        scope = f"{day}/{_REGION}/dynamodb/aws4_request"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}"
        key = f"AWS4{_SECRET_KEY}".encode()
        for part in (day, _REGION, "dynamodb", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"AWS4-HMAC-SHA256 Credential={_ACCESS_KEY}/{scope}"
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-date": moment,
            "x-amz-target": target,
            "authorization": f"{credential}, SignedHeaders={names}, Signature={signature}",
        }
        return orjson.loads(self._pool.urlopen("POST", "/", body=body, headers=headers).data)


def _newest(chats: Any) -> list[dict[str, Any]]:
    answer = chats.query(
        IndexName="byActivity",
        KeyConditionExpression=Key("type").eq("group"),
        ScanIndexForward=False,
        Limit=CHATS,
    )
    items: list[dict[str, Any]] = answer["Items"]
    return items


def _source_urls(page: Sequence[dict[str, Any]]) -> Iterator[str]:
    for chat in page:
        for person in (chat, *chat["participants"]):
            if source_url := person.get("imgURL"):
                yield source_url


def _plain_chat(chat: dict[str, Any], address: Callable[[str], str | None]) -> dict[str, Any]:
    """Returns the JSON of a chat as the original answered it: its fields, and the addresses of pictures."""
    return {
        "chatId": chat["chatId"],
        "accountId": chat["accountId"],
        "network": chat["network"],
        "type": chat["type"],
        "title": chat["title"],
        "lastActivity": int(chat["lastActivity"]),
        "unreadCount": int(chat["unreadCount"]),
        "isArchived": chat["isArchived"],
        "isMuted": chat["isMuted"],
        "isPinned": chat["isPinned"],
        "lastMessage": chat["lastMessage"],
        "participantCount": int(chat["participantCount"]),
        "image": address(chat.get("imgURL") or ""),
        "participants": [
            {
                "id": person["id"],
                "fullName": person["fullName"],
                "isSelf": person["isSelf"],
                "image": address(person.get("imgURL") or ""),
            }
            for person in chat["participants"]
        ],
    }


def _response(body: bytes) -> dict[str, Any]:
    compressed = base64.b64encode(gzip.compress(body, _FASTEST, mtime=0)).decode()
    return {"statusCode": 200, "body": compressed, "isBase64Encoded": True}
