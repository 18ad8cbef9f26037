"""People: what is remembered of a person across participant ids and chats."""

from dataclasses import dataclass, replace
from enum import StrEnum


class FormerPictures(StrEnum):
    """The ways to treat pictures that Beeper no longer names. `keep` keeps them but does not show them."""

    SHOW = "show"
    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class KnownPicture:
    """A picture that Beeper names for a person, or has named. Times are in ms.

    `named_until` is the time when sync found that Beeper no longer names the picture in some chat, 0 before
    that. `chosen_at` is the time when an operator chose the picture, 0 if none did. `network` and `phone_id`
    are the network and the phone's person id of the member who had the picture. `phone_id` is None if that
    member had no number, or in the record of the participant id that had the picture, because the picture is
    theirs also when they change the number. `full_name` is the name of the member in lower case, or None if
    there was none.
    """

    image_key: str
    source_url: str
    network: str
    phone_id: str | None
    first_seen: int
    named_until: int = 0
    chosen_at: int = 0
    full_name: str | None = None

    def joined(self, other: "KnownPicture") -> "KnownPicture":
        """Combines two records of this picture.

        Returns the earlier `first_seen`, the later `named_until` and `chosen_at`, and this record's
        `phone_id`, or else that of the other one.
        """
        return replace(
            self,
            phone_id=self.phone_id or other.phone_id,
            full_name=self.full_name or other.full_name,
            first_seen=min(self.first_seen, other.first_seen),
            named_until=max(self.named_until, other.named_until),
            chosen_at=max(self.chosen_at, other.chosen_at),
        )


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """The pictures of a person by image key, and the participant ids that were linked to a contact."""

    pictures: dict[str, KnownPicture]
    linked_ids: frozenset[str] = frozenset()
