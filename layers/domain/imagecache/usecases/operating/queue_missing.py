"""Backfill and retry: what chats show and the cache does not have → messages, step by step."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagecache.clock import DAY
from imagecache.model.chat import Chat, Folder
from imagecache.model.image import ImageStatus
from imagecache.rules.image_choice import pictures_of
from imagecache.stores.chats.chat_reader import ChatReader, Position
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.stores.state.jobs import Job
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.operating.run_job import Step

if TYPE_CHECKING:
    pass

_CHATS_A_STEP = 50
_IMAGES_A_STEP = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBackfill:
    """Both are idempotent: what is cached, or waits already, is not queued again."""

    chat_reader: ChatReader
    participants_table: ParticipantsTable
    contacts_table: ContactsTable
    catalogue: ImageCatalogue
    image_queueing: ImageQueueing

    def backfill(self, job: Job) -> Iterator[Step]:
        """The images of every listed chat, or of those that moved in the last `active_within_days`."""
        days = job.order["active_within_days"]
        oldest = job.created_at - days * DAY if days else 0
        return self.steps(job.resume, oldest=oldest, request=self.image_queueing.request)

    def steps(
        self, resume: Any, *, oldest: int, request: Callable[[Iterable[tuple[str, str]]], int]
    ) -> Iterator[Step]:
        """What chats show that have moved since `oldest` (ms) is handed to `request`, which counts."""
        folders, after = _places(resume)
        for folder in folders:
            while True:
                page = self.chat_reader.newest(folder, limit=_CHATS_A_STEP, after=after)
                wanted = [chat for chat in page.chats if chat.last_activity >= oldest]
                counts = {"chats": len(wanted), "queued": request(self._shown_by(wanted))}
                after = page.position if len(wanted) == len(page.chats) else None
                place = [after.last_activity, after.chat_id] if after else []
                yield Step(counts, [folder.value, *place])
                if after is None:
                    break

    def retry_failed(self, job: Job) -> Iterator[Step]:
        """Every failed image once, those that failed for good, too."""
        failed = [
            (one.image_key, one.source_url)
            for one in self.catalogue.needing_attention(ImageStatus.FAILED)
            if one.source_url and one.queued_at < job.created_at and one.failed_at < job.created_at
        ]
        for start in range(0, len(failed), _IMAGES_A_STEP):
            batch = failed[start : start + _IMAGES_A_STEP]
            yield Step({"queued": self.image_queueing.request(batch, retry=True)}, "again")

    def _shown_by(self, chats: list[Chat]) -> list[tuple[str, str]]:
        members = [one for chat in chats for one in self.participants_table.roster(chat.chat_id).values()]
        contacts = self.contacts_table.several(one.contact_id for one in members if one.contact_id)
        pictures = [
            picture for one in members for picture in pictures_of(one, contacts.get(one.contact_id or ""))
        ]
        return [(one.image.key, one.source_url) for one in pictures if one.image.key and one.source_url]


def _places(resume: Any) -> tuple[list[Folder], Position | None]:
    """Folders that are left, and where to go on in the first: it was finished when no place is named."""
    match resume:
        case [name]:
            return _ORDER[_ORDER.index(Folder(name)) + 1 :], None
        case [name, moment, chat_id]:
            return _ORDER[_ORDER.index(Folder(name)) :], Position(chat_id, moment)
    return _ORDER, None


_ORDER = [Folder.INBOX, Folder.ARCHIVE]
