"""The original application's snapshot → its images and chats in this system; nothing is asked of Beeper.

Whatever is here already stays as it is: an import that was cut short is made good by the next one. Images go
first, as a sync between the two would queue what it finds missing. They are stored as the cacher stores them,
objects before the row and the row through the claim protocol, so that both may be at work at once. Chats are
written only while no sync runs: a member who has just left would stay beside its newer roster for ever.
"""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from imagecache.clock import Clock
from imagecache.errors import FencedOffError, ImageFailedError, LeaseLostError, RejectedSourceError
from imagecache.imaging.pictures import render
from imagecache.model.chat import Chat
from imagecache.model.image import ImageMessage, ImageRecord, ImageStatus, OriginAnswer, Picture
from imagecache.rules.source_urls import image_key
from imagecache.sources.beeper.answers import is_html_page
from imagecache.stores.blobs import Blobs, blob_id, described
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable, chat_row
from imagecache.stores.chats.previews import preview_of
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.claims import ImageClaims, Won
from imagecache.stores.state.lock import SyncLock
from imagecache_migration.convex_snapshot import Snapshot, SnapshotFileError, SnapshotImage

_LEASE_SECONDS = 60
_CHATS_AT_ONCE = 100
# Long enough for a hundred of the largest groups; a killed import keeps sync waiting no longer.
_NO_SYNC_FOR = 600_000
# Older than any run of sync, which therefore may overwrite it, and a fingerprint that no list has.
_BEFORE_ANY_SYNC = 0
_FINGERPRINT = "imported"


class Result(StrEnum):
    """What became of a document, beside the troubles of files, pictures and URLs."""

    IMPORTED = "imported"
    ALREADY_THERE = "already_there"
    SAME_IMAGE = "same_image"
    SAME_CHAT = "same_chat"
    FORGOTTEN = "forgotten"
    HELD = "held"
    SYNC_RUNS = "sync_runs"
    A_PAGE = "a_page"
    NO_ID = "no_id"


_SETTLED = {Result.IMPORTED, Result.ALREADY_THERE, Result.SAME_IMAGE, Result.FORGOTTEN, Result.HELD}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`result` is a Result, FileTrouble or FailureReason, or `rejected_` and a RejectionReason.

    `bytes` are those of an original that was imported.
    """

    document_id: str
    result: str
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageImport:
    """`at_once` images are decoded and stored side by side; a `dry_run` reads, decodes and writes nothing."""

    images: CachedImages
    claims: ImageClaims
    blobs: Blobs
    salt: Callable[[], bytes]
    clock: Clock
    at_once: int
    dry_run: bool
    nonce: Callable[[], str] = secrets.token_hex

    def run(self, snapshot: Snapshot) -> Iterator[Outcome]:
        """One for each row of the original's cachedImages."""
        by_key: dict[str, list[SnapshotImage]] = {}
        for image in snapshot.images:
            try:
                by_key.setdefault(image_key(image.source_url), []).append(image)
            except RejectedSourceError as error:
                yield Outcome(image.document_id, f"rejected_{error.reason}")
        states = self.images.records(by_key)

        def bring(key: str) -> list[Outcome]:
            return self._bring(snapshot, key, by_key[key], states.get(key))

        with ThreadPoolExecutor(self.at_once) as pool:
            for outcomes in pool.map(bring, by_key):
                yield from outcomes

    def _bring(
        self, snapshot: Snapshot, key: str, images: list[SnapshotImage], state: ImageRecord | None
    ) -> list[Outcome]:
        """One image that may stand there in several forms, mxc and file: the first that is whole is taken."""
        outcomes: list[Outcome] = []
        for image in images:
            if outcomes and outcomes[-1].result in _SETTLED:
                outcomes.append(Outcome(image.document_id, Result.SAME_IMAGE))
            else:
                outcomes.append(self._bring_one(snapshot, key, image, state))
        return outcomes

    def _bring_one(
        self, snapshot: Snapshot, key: str, image: SnapshotImage, state: ImageRecord | None
    ) -> Outcome:
        settled = _settled(state)
        if settled:
            return Outcome(image.document_id, settled)
        try:
            original = snapshot.original(image)
            if is_html_page(original):
                return Outcome(image.document_id, Result.A_PAGE)
            picture = render(original)
        except SnapshotFileError as error:
            return Outcome(image.document_id, error.trouble)
        except ImageFailedError as error:
            return Outcome(image.document_id, error.reason)
        if not self.dry_run:
            settled = self._store(key, image, original, picture, state)
        if settled:
            return Outcome(image.document_id, settled)
        return Outcome(image.document_id, Result.IMPORTED, len(original))

    def _store(
        self, key: str, image: SnapshotImage, original: bytes, picture: Picture, state: ImageRecord | None
    ) -> Result | None:
        """None when it is stored; else what somebody else has made of it meanwhile."""
        now = self.clock()
        if state and state.status is ImageStatus.FAILED:
            self.images.revive(key, now=now)  # bytes that can be shown are better than any failure
        request = ImageMessage(key, image.source_url, now)
        claim = self.claims.claim(request, now=now, lease_seconds=_LEASE_SECONDS, nonce=self.nonce())
        if not isinstance(claim, Won):
            return self._settled_meanwhile(key)
        try:
            if claim.is_refresh:  # cached meanwhile, and wanted newer than what we have
                self.claims.release(claim)
                return Result.ALREADY_THERE
            self._commit(claim, image, original, picture)
        except LeaseLostError:
            return self._settled_meanwhile(key)
        except Exception:
            self.claims.release(claim)  # or three failures of ours would be the image's
            raise
        return None

    def _commit(self, claim: Won, image: SnapshotImage, original: bytes, picture: Picture) -> None:
        blob = described(blob_id(self.salt(), original), original, picture)
        self.blobs.put(blob.blob_id, original, picture)
        now = self.clock()
        answers = [OriginAnswer(now, "convex", f"{len(original)} bytes of a snapshot")]
        # When its origin was asked, and gave it: the original's moment and not ours.
        self.claims.commit(claim, blob, now=image.cached_at or now, answers=answers)

    def _settled_meanwhile(self, key: str) -> Result:
        return _settled(self.images.records([key]).get(key)) or Result.HELD


def _settled(state: ImageRecord | None) -> Result | None:
    """None for what an import may bring, even where the cacher would wait or has given up."""
    if state is None:
        return None
    if state.status is ImageStatus.FORGOTTEN:
        return Result.FORGOTTEN
    if state.status is ImageStatus.CACHED:
        return Result.ALREADY_THERE
    return None  # whether a worker has it in its hands, the claim tells


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatImport:
    """Chats with whom the original knew in them; the next sync reads each of them and completes it."""

    chats: ChatsTable
    participants: ParticipantsTable
    sync_lock: SyncLock
    clock: Clock
    dry_run: bool

    def run(self, snapshot: Snapshot) -> Iterator[Outcome]:
        """One for each row of the original's beeperChats."""
        distinct: dict[str, tuple[str, Chat]] = {}
        for one in snapshot.chats:
            if one.chat is None:
                yield Outcome(one.document_id, Result.NO_ID)
            elif one.chat.chat_id in distinct:
                yield Outcome(one.document_id, Result.SAME_CHAT)
            else:
                distinct[one.chat.chat_id] = one.document_id, one.chat
        waiting = [*distinct.values()]
        for start in range(0, len(waiting), _CHATS_AT_ONCE):
            yield from self._bring(waiting[start : start + _CHATS_AT_ONCE])

    def _bring(self, documents: list[tuple[str, Chat]]) -> list[Outcome]:
        if self.dry_run:
            return self._bring_absent(documents)
        fence = self.sync_lock.acquire(now=self.clock(), lease_ms=_NO_SYNC_FOR)
        if fence is None:
            return [Outcome(document_id, Result.SYNC_RUNS) for document_id, _ in documents]
        try:
            return self._bring_absent(documents)
        finally:
            self.sync_lock.release(fence)

    def _bring_absent(self, documents: list[tuple[str, Chat]]) -> list[Outcome]:
        stored = self.chats.stored((chat.chat_id for _, chat in documents), consistent=True)
        return [
            Outcome(document_id, Result.ALREADY_THERE if chat.chat_id in stored else self._put(chat))
            for document_id, chat in documents
        ]

    def _put(self, chat: Chat) -> Result:
        if self.dry_run:
            return Result.IMPORTED
        own = chat_row(chat)
        try:
            self.participants.put(
                chat.chat_id, [*([own] if own else []), *chat.participants], fence=_BEFORE_ANY_SYNC
            )
            self.chats.put(
                chat,
                preview_json=preview_of(chat),
                list_fingerprint=_FINGERPRINT,
                roster_fingerprint=_FINGERPRINT,
                fence=_BEFORE_ANY_SYNC,
            )
        except FencedOffError:  # a sync that was killed half-way has begun with it, and knows better
            return Result.ALREADY_THERE
        return Result.IMPORTED
