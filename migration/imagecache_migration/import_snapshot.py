"""Imports the images and chats of a snapshot of the original application, without a request to Beeper.

Images and chats that the stack already has are not changed, so an interrupted import can be run again to
complete it. Images are imported before chats, because a sync between the two would queue missing images. They
are stored in the same way as by the cacher: first the objects, then the row, with a claim. So an import and
the cacher can run at the same time. Chats are written only while no sync is running: otherwise the import
could write a member who has left a chat after sync has written the new roster, and nothing would remove the
member.
"""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from imagecache.clock import Clock
from imagecache.errors import FencedOffError, ImageFailedError, LeaseLostError, RejectedSourceError
from imagecache.imaging.pictures import render
from imagecache.model.chat import Chat
from imagecache.model.image import ImageMessage, ImageRecord, ImageStatus, OriginAnswer, Picture
from imagecache.rules.source_urls import image_key
from imagecache.sources.pages import is_html_page
from imagecache.stores.blobs import Blobs
from imagecache.stores.chats.chats import ChatsTable, ChatToStore, preview_of
from imagecache.stores.chats.participants import ParticipantsTable, roster_rows
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.claims import ImageClaims, Won
from imagecache.stores.state.lock import SyncLock
from imagecache_migration.convex_snapshot import Snapshot, SnapshotImage
from imagecache_migration.outcomes import DocumentOutcome, DocumentResult, Outcome, SnapshotFileError

_LEASE_SECONDS = 60
_CHATS_AT_ONCE = 100
# The time to write a hundred of the largest groups. If the import is killed, sync has to wait for this time.
_SYNC_LOCK_MS = 600_000
# Every sync run has a higher fence, and no chat has this fingerprint, so the next sync overwrites the row.
_OLDEST_FENCE = 0
_IMPORTED_FINGERPRINT = "imported"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageImport:
    """Imports images, `images_at_once` in parallel. A dry run decodes them but writes nothing."""

    cached_images: CachedImages
    claims: ImageClaims
    blobs: Blobs
    clock: Clock
    images_at_once: int
    dry_run: bool
    nonce: Callable[[], str] = secrets.token_hex

    def run(self, snapshot: Snapshot) -> Iterator[DocumentResult]:
        """Imports all images, and yields a result for each row of the snapshot's table cachedImages."""
        documents_by_key: dict[str, list[SnapshotImage]] = {}
        for document in snapshot.images:
            try:
                documents_by_key.setdefault(image_key(document.source_url), []).append(document)
            except RejectedSourceError as error:
                yield DocumentResult(document.document_id, error.reason)
        records = self.cached_images.records(documents_by_key)

        def import_key(key: str) -> list[DocumentResult]:
            return self._import_image(snapshot, key, documents_by_key[key], records.get(key))

        with ThreadPoolExecutor(self.images_at_once) as pool:
            for results in pool.map(import_key, documents_by_key):
                yield from results

    def _import_image(
        self, snapshot: Snapshot, key: str, documents: list[SnapshotImage], record: ImageRecord | None
    ) -> list[DocumentResult]:
        """Imports one image from its first document with an intact file.

        The original had several documents for one image, for example for its mxc: URL and its file: URL.
        """
        results: list[DocumentResult] = []
        is_settled = False
        for document in documents:
            if is_settled:
                results.append(DocumentResult(document.document_id, Outcome.SAME_IMAGE))
                continue
            result = self._import_document(snapshot, key, document, record)
            results.append(result)
            is_settled = isinstance(result.outcome, Outcome) and result.outcome.settles_the_image
        return results

    def _import_document(
        self, snapshot: Snapshot, key: str, document: SnapshotImage, record: ImageRecord | None
    ) -> DocumentResult:
        outcome: DocumentOutcome | None = _outcome_without_import(record)
        if outcome:
            return DocumentResult(document.document_id, outcome)
        try:
            original = snapshot.read_original(document)
            if is_html_page(original):
                return DocumentResult(document.document_id, Outcome.A_PAGE)
            picture = render(original)
        except SnapshotFileError as error:
            return DocumentResult(document.document_id, error.problem)
        except ImageFailedError as error:
            return DocumentResult(document.document_id, error.reason)
        if not self.dry_run:
            outcome = self._store(key, document, original, picture, record)
        if outcome:
            return DocumentResult(document.document_id, outcome)
        return DocumentResult(document.document_id, Outcome.IMPORTED, imported_bytes=len(original))

    def _store(
        self, key: str, document: SnapshotImage, original: bytes, picture: Picture, record: ImageRecord | None
    ) -> Outcome | None:
        """Stores the image and returns None, or returns an outcome if another process was faster."""
        now = self.clock()
        if record and record.status is ImageStatus.FAILED:
            # A picture that can be shown is better than any failure, even a final one.
            self.cached_images.revive(key, now=now)
        message = ImageMessage(key, document.source_url, now)
        claim = self.claims.claim(message, now=now, lease_seconds=_LEASE_SECONDS, nonce=self.nonce())
        if not isinstance(claim, Won):
            return self._outcome_of_another_process(key)
        try:
            if claim.is_refresh:
                # The image was cached meanwhile and requested again, so a newer picture than the snapshot's
                # is needed.
                self.claims.release(claim)
                return Outcome.ALREADY_THERE
            self._commit(claim, document, original, picture)
        except LeaseLostError:
            return self._outcome_of_another_process(key)
        except Exception:
            # The claim is released. Otherwise three errors of this program would count as three crashes of
            # workers.
            self.claims.release(claim)
            raise
        return None

    def _commit(self, claim: Won, document: SnapshotImage, original: bytes, picture: Picture) -> None:
        """Stores the objects and then the row. Raises LeaseLostError."""
        blob = self.blobs.store(original, picture)
        now = self.clock()
        answers = [OriginAnswer(now, "convex", f"{len(original)} bytes of a snapshot")]
        # The last request to the origin was when the original cached the image, so the next check depends on
        # that time.
        self.claims.commit(claim, blob, now=document.cached_at or now, answers=answers)

    def _outcome_of_another_process(self, key: str) -> Outcome:
        return _outcome_without_import(self.cached_images.records([key]).get(key)) or Outcome.HELD


def _outcome_without_import(record: ImageRecord | None) -> Outcome | None:
    """Returns the reason why an image is not imported, or None if it may be imported.

    `record` is None if the image has no row. A pending or failed image may be imported, even if it is not
    due. Only the claim finds out whether a worker has it.
    """
    if record is None:
        return None
    if record.status is ImageStatus.FORGOTTEN:
        return Outcome.FORGOTTEN
    if record.status is ImageStatus.CACHED:
        return Outcome.ALREADY_THERE
    return None


@dataclass(frozen=True, slots=True)
class _ChatDocument:
    """A row of the original's beeperChats whose chat has an id."""

    document_id: str
    chat: Chat


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatImport:
    """Imports chats with the members in the snapshot. The next sync adds missing members and fields."""

    chats_table: ChatsTable
    participants_table: ParticipantsTable
    sync_lock: SyncLock
    clock: Clock
    dry_run: bool

    def run(self, snapshot: Snapshot) -> Iterator[DocumentResult]:
        """Imports all chats, and yields a result for each row of the original's beeperChats."""
        documents: dict[str, _ChatDocument] = {}
        for row in snapshot.chats:
            if row.chat is None:
                yield DocumentResult(row.document_id, Outcome.NO_ID)
            elif row.chat.chat_id in documents:
                yield DocumentResult(row.document_id, Outcome.SAME_CHAT)
            else:
                documents[row.chat.chat_id] = _ChatDocument(row.document_id, row.chat)
        waiting = [*documents.values()]
        for start in range(0, len(waiting), _CHATS_AT_ONCE):
            yield from self._import_between_syncs(waiting[start : start + _CHATS_AT_ONCE])

    def _import_between_syncs(self, documents: list[_ChatDocument]) -> list[DocumentResult]:
        """Imports these chats while holding the sync lock. Imports none if a sync is running."""
        if self.dry_run:
            return self._import(documents)
        held = self.sync_lock.acquire(now=self.clock(), lease_ms=_SYNC_LOCK_MS)
        if held is None:
            return [DocumentResult(document.document_id, Outcome.SYNC_RUNS) for document in documents]
        try:
            return self._import(documents)
        finally:
            self.sync_lock.release(held.fence)

    def _import(self, documents: list[_ChatDocument]) -> list[DocumentResult]:
        chat_ids = (document.chat.chat_id for document in documents)
        stored = self.chats_table.stored(chat_ids, consistent=True)
        return [
            DocumentResult(
                document.document_id,
                Outcome.ALREADY_THERE if document.chat.chat_id in stored else self._put(document.chat),
            )
            for document in documents
        ]

    def _put(self, chat: Chat) -> Outcome:
        """Writes a chat that the stack does not have: first its members and then its row, like sync."""
        if self.dry_run:
            return Outcome.IMPORTED
        try:
            self.participants_table.put(chat.chat_id, roster_rows(chat), fence=_OLDEST_FENCE)
            imported = ChatToStore(
                chat=chat,
                preview_json=preview_of(chat),
                list_fingerprint=_IMPORTED_FINGERPRINT,
                roster_fingerprint=_IMPORTED_FINGERPRINT,
            )
            self.chats_table.put([imported], fence=_OLDEST_FENCE)
        except FencedOffError:
            # A sync was killed after it had written members of this chat, which are newer than the
            # snapshot's.
            return Outcome.ALREADY_THERE
        return Outcome.IMPORTED
