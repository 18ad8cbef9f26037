"""The jobs backfill and retry-failed, which work in steps.

Backfill queues the images that chats show and that are not cached. Retry-failed queues every failed image.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from imagecache.clock import DAY
from imagecache.model.chat import Chat, Folder
from imagecache.model.image import ImageSource, ImageStatus
from imagecache.model.job import BackfillOrder, Job, Json, QueueCount
from imagecache.rules.image_choice import pictures_of
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.chats.shown import Position
from imagecache.stores.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.operating.jobs import Step

_FOLDERS = tuple(Folder)

QueueImages = Callable[[Iterable[ImageSource]], int]
"""Queues each image that needs a download, or only counts these images in a dry run. Returns the number."""


@dataclass(frozen=True, slots=True)
class BackfillPosition:
    """A position in a pass over all chats: a folder, and the last chat that was read of it, if any."""

    folder: Folder
    after: Position | None = None

    def to_json(self) -> Json:
        """Returns the position as JSON, for the row of the job."""
        if self.after is None:
            return [self.folder.value]
        return [self.folder.value, self.after.last_activity, self.after.chat_id]

    @classmethod
    def from_json(cls, value: Json) -> "BackfillPosition":
        """Returns the position that `to_json` has written, or the beginning of the pass if `value` is None.

        Raises ValueError if `value` is not a position.
        """
        match value:
            case None:
                return cls(_FOLDERS[0])
            case [str(folder)]:
                return cls(Folder(folder))
            case [str(folder), int(last_activity), str(chat_id)]:
                return cls(Folder(folder), Position(chat_id, last_activity))
        raise ValueError(f"not a position of a backfill: {value!r}")


@dataclass(frozen=True, slots=True)
class BackfillStep:
    """The counts of one step of a pass over all chats, and the next position (None after the last chat)."""

    chats: int
    queued: int
    position: BackfillPosition | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBackfill:
    """Queues images. Both jobs may be repeated: an image that is cached or queued is not queued again.

    A step reads `chats_per_step` chats or queues `images_per_step` images.
    """

    chats_table: ChatsTable
    participants_table: ParticipantsTable
    contacts_table: ContactsTable
    cached_images: CachedImages
    image_queueing: ImageQueueing
    chats_per_step: int = 50
    images_per_step: int = 100

    def backfill(self, job: Job, order: BackfillOrder) -> Iterator[Step]:
        """Queues the missing images of chats active in the last `order.active_within_days` days; 0 means all.

        Yields a step for each page of chats.
        """
        days = order.active_within_days
        oldest = job.created_at - days * DAY if days else 0
        position: BackfillPosition | None = BackfillPosition.from_json(job.position)
        while position is not None:
            step = self.step(position, oldest=oldest, queue_images=self.image_queueing.request)
            position = step.position
            counts: dict[str, int] = {QueueCount.CHATS: step.chats, QueueCount.QUEUED: step.queued}
            yield Step(counts, position.to_json() if position else None)

    def step(self, position: BackfillPosition, *, oldest: int, queue_images: QueueImages) -> BackfillStep:
        """Passes the images of the next chats to `queue_images`, unless last active before `oldest` (ms).

        The pass leaves a folder at the first chat that is too old, because folders are sorted from the newest
        chat to the oldest.
        """
        page = self.chats_table.newest(position.folder, limit=self.chats_per_step, after=position.after)
        chats = [chat for chat in page.chats if chat.last_activity >= oldest]
        queued = queue_images(self._shown_by(chats))
        next_position: BackfillPosition | None = None
        if page.position and len(chats) == len(page.chats):
            next_position = BackfillPosition(position.folder, page.position)
        elif position.folder is not _FOLDERS[-1]:
            next_position = BackfillPosition(_FOLDERS[_FOLDERS.index(position.folder) + 1])
        return BackfillStep(len(chats), queued, next_position)

    def retry_failed(self, job: Job) -> Iterator[Step]:
        """Queues every failed image but orphans once, also images that failed for good.

        An invocation that continues the job reads the list of failed images again, and leaves out images that
        were queued or have failed since the job began.
        """
        failed = [
            ImageSource(image.image_key, image.source_url)
            for image in self.cached_images.needing_attention(ImageStatus.FAILED)
            if image.source_url and image.queued_at < job.created_at and image.failed_at < job.created_at
        ]
        for start in range(0, len(failed), self.images_per_step):
            batch = failed[start : start + self.images_per_step]
            queued = self.image_queueing.request_again(batch, retry=True)
            yield Step({QueueCount.QUEUED: queued}, "again")

    def _shown_by(self, chats: list[Chat]) -> list[ImageSource]:
        """Returns every picture with a valid URL of the chats, their members and the members' contacts."""
        rosters = self.participants_table.rosters(chat.chat_id for chat in chats)
        members = [member for roster in rosters.values() for member in roster.values()]
        contacts = self.contacts_table.several(member.contact_id for member in members if member.contact_id)
        pictures = [
            picture
            for member in members
            for picture in pictures_of(member, contacts.get(member.contact_id or ""))
        ]
        return [picture.image_source for picture in pictures if picture.image_source]
