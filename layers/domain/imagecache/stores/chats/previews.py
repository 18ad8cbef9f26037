"""What a list shows of the members of a chat: one JSON text in its row, as maps cost CPU each."""

import json
from collections.abc import Mapping
from typing import Any

from imagecache.model.chat import Chat, Participant
from imagecache.model.image import ImageRef, RejectionReason

PREVIEW_LENGTH = 20


def preview_of(chat: Chat) -> str:
    """Of at most the first 20."""
    members = [_preview(participant) for participant in chat.participants[:PREVIEW_LENGTH]]
    return _compact(members)


def with_contact_images(preview: str, contact_images: Mapping[str, str | None]) -> str:
    """The same members with other contacts' pictures, by participant id; who is not named stays as is."""
    members: list[dict[str, Any]] = json.loads(preview)
    for member in members:
        key = contact_images.get(member["id"], member.get("contactImageKey"))
        member.pop("contactImageKey", None)
        if key:
            member["contactImageKey"] = key
    return _compact(members)


def from_preview(preview: str) -> tuple[Participant, ...]:
    """The members as far as a list shows them."""
    return tuple(_participant(fields) for fields in json.loads(preview))


def _compact(members: list[dict[str, Any]]) -> str:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def _preview(participant: Participant) -> dict[str, Any]:
    """What a list shows of a member, without what is empty."""
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


def _participant(fields: dict[str, Any]) -> Participant:
    return Participant(
        participant_id=fields["id"],
        full_name=fields.get("name"),
        username=fields.get("username"),
        phone_number=None,
        email=None,
        is_self=fields.get("isSelf", False),
        is_network_bot=fields.get("isNetworkBot", False),
        source_url=None,
        image=image_ref(fields.get("imageKey"), fields.get("rejected")),
        contact_image_key=fields.get("contactImageKey"),
    )


def image_ref(key: str | None, rejected: str | None) -> ImageRef | None:
    """As two attributes hold it; None without a picture."""
    if key is None and rejected is None:
        return None
    return ImageRef(key, RejectionReason(rejected) if rejected else None)
