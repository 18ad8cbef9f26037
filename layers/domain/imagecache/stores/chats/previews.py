"""The preview of a chat: its first members as one JSON text in the chat's row.

A page of chats needs no roster with it. It is one text because DynamoDB's maps cost CPU for each attribute.
"""

import json
from collections.abc import Mapping
from typing import Any

from imagecache.model.chat import Chat, Participant
from imagecache.model.image import ImageRef, RejectionReason

PREVIEW_LENGTH = 20


def preview_of(chat: Chat) -> str:
    """Returns the preview of the chat's first 20 members."""
    return _to_json([_member_json(participant) for participant in chat.participants[:PREVIEW_LENGTH]])


def with_contact_images(preview_json: str, contact_images: Mapping[str, str | None]) -> str:
    """Returns the preview with other contacts' pictures.

    `contact_images` holds the key of the contact's picture, or None, by participant id. Members who are not
    in it stay as they are.
    """
    members: list[dict[str, Any]] = json.loads(preview_json)
    for member in members:
        image_key = contact_images.get(member["id"], member.get("contactImageKey"))
        member.pop("contactImageKey", None)
        if image_key:
            member["contactImageKey"] = image_key
    return _to_json(members)


def from_preview(preview_json: str) -> tuple[Participant, ...]:
    """Returns the members in a preview. Only the fields that a list of chats shows are set."""
    return tuple(_participant(member) for member in json.loads(preview_json))


def image_ref(key: str | None, rejected: str | None) -> ImageRef | None:
    """Returns the image that these two stored attributes describe, or None if there is no picture."""
    if key is None and rejected is None:
        return None
    return ImageRef(key, RejectionReason(rejected) if rejected else None)


def _to_json(members: list[dict[str, Any]]) -> str:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def _member_json(participant: Participant) -> dict[str, Any]:
    """Returns what a list of chats shows of a member. Empty fields are left out."""
    image = participant.image
    fields = {
        "id": participant.participant_id,
        "name": participant.full_name,
        "username": participant.username,
        "isSelf": participant.is_self,
        "isNetworkBot": participant.is_network_bot,
        "imageKey": image.key if image else None,
        "rejected": image.rejected if image else None,
        "contactImageKey": participant.contact_image_key,
    }
    return {name: value for name, value in fields.items() if value}


def _participant(member: dict[str, Any]) -> Participant:
    return Participant(
        participant_id=member["id"],
        full_name=member.get("name"),
        username=member.get("username"),
        phone_number=None,
        email=None,
        is_self=member.get("isSelf", False),
        is_network_bot=member.get("isNetworkBot", False),
        source_url=None,
        image=image_ref(member.get("imageKey"), member.get("rejected")),
        contact_image_key=member.get("contactImageKey"),
    )
