"""The JSON of people's former pictures, field by field."""

from typing_extensions import TypedDict  # typing's own cannot be turned into JSON Schema before 3.12

from imagecache.api.shapes import Image, Moment


class FormerPicture(TypedDict):
    """A picture of a person whose URL Beeper does not send for this member.

    `firstSeen` is when a sync first found it. `lastNamed` is when a sync found that Beeper no longer sends
    its URL, null if Beeper may still send it for another chat. `isShown` is true for the one that the
    member shows if neither they nor their contact have a cached picture, `isChosen` for the one that an
    operator has chosen.
    """

    sourceUrl: str
    image: Image
    firstSeen: Moment | None
    lastNamed: Moment | None
    isShown: bool
    isChosen: bool


class FormerPictures(TypedDict):
    """A member's former pictures, the chosen one first, then those that Beeper has sent last."""

    participantId: str
    fullName: str | None
    pictures: list[FormerPicture]


class PictureChosen(TypedDict):
    """The picture was chosen. The sync `jobId` shows it in the chats."""

    jobId: str
