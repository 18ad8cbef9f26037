"""References without a cached image: which faces are missing, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from imagecache.model.image import ImageRef, ImageStatus, ImageView
from imagecache.rules.image_choice import ShownFor, view_of
from imagecache.stores.chats.participants import CHAT_ROW, Member, ParticipantsTable
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages

# Each looks at some hundred rows: a page may be short or empty where all is well, and has a cursor then.
_MOST_SCANS = 4
_ENOUGH = 100

Position = tuple[str, str]


class Shown(NamedTuple):
    """A picture where it is shown: a chat's own, a member's own, or that of the member's contact."""

    member: Member
    source: ShownFor
    source_url: str
    image: ImageRef


@dataclass(frozen=True, slots=True)
class Uncached:
    """`view` is None for an image that nobody has asked for."""

    shown: Shown
    view: ImageView | None


def list_uncached(
    *, participants: ParticipantsTable, contacts: ContactsTable, images: CachedImages, after: Position | None
) -> tuple[list[Uncached], Position | None]:
    """A page of them in no order, and where to go on."""
    found: list[Uncached] = []
    for _ in range(_MOST_SCANS):
        looked_at, after = participants.members(after=after)
        shown = list(_pictures(looked_at, contacts))
        views = images.views(one.image.key for one in shown if one.image.key)
        seen = [Uncached(one, view_of(one.image, views)) for one in shown]
        found += [one for one in seen if one.view is None or one.view.status is not ImageStatus.CACHED]
        if after is None or len(found) >= _ENOUGH:
            break
    return found, after


def _pictures(members: list[Member], contacts: ContactsTable) -> Iterator[Shown]:
    """One look-up of those contacts that are linked to any of them."""
    known = contacts.several(one.participant.contact_id for one in members if one.participant.contact_id)
    for member in members:
        person = member.participant
        if person.image and person.source_url:
            own = ShownFor.CHAT if person.participant_id == CHAT_ROW else ShownFor.PARTICIPANT
            yield Shown(member, own, person.source_url, person.image)
        contact = known.get(person.contact_id or "")
        if contact and contact.image and contact.source_url:
            yield Shown(member, ShownFor.CONTACT, contact.source_url, contact.image)
