"""References without a cached image: which faces are missing, and why."""

from dataclasses import dataclass

from imagecache.model import ImageStatus, ImageView
from imagecache.stores.images import CachedImages
from imagecache.stores.participants import ChatParticipants, Member
from imagecache.usecases.choose_image import view_of

# Each looks at some hundred rows: a page may be short or empty where all is well, and has a cursor then.
_MOST_SCANS = 4
_ENOUGH = 100

Position = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Uncached:
    """`view` is None for an image that nobody has asked for."""

    reference: Member
    view: ImageView | None


def list_uncached(
    *, participants: ChatParticipants, images: CachedImages, after: Position | None
) -> tuple[list[Uncached], Position | None]:
    """A page of them in no order, and where to go on."""
    found: list[Uncached] = []
    for _ in range(_MOST_SCANS):
        looked_at, after = participants.with_pictures(after=after)
        refs = [(one, one.participant.image) for one in looked_at if one.participant.image]
        views = images.views(image.key for _, image in refs if image.key)
        seen = [Uncached(one, view_of(image, views)) for one, image in refs]
        found += [one for one in seen if one.view is None or one.view.status is not ImageStatus.CACHED]
        if after is None or len(found) >= _ENOUGH:
            break
    return found, after
