"""Counts images, references and bytes by scans, so that no counter has to be updated with every change."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from imagecache.model.image import ImageStatus
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.images.cached_images import CachedImages


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """The contents of the cache in numbers.

    `images` is the number of cached images, `blobs` the number of their distinct contents, and `bytes` the
    size of the stored originals. `references` is the number of places that show a cached image. `bytes_saved`
    is the size that storing one original for each reference would need, minus `bytes`. `chats` is the number
    of chats in which a member other than the owner has a picture.
    """

    images: int
    chats: int
    bytes: int
    pending: int
    failed_by_reason: dict[str, int]
    references: int
    blobs: int
    bytes_saved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheCounter:
    """Counts images, their references and their contents."""

    cached_images: CachedImages
    participants_table: ParticipantsTable
    chats_table: ChatsTable

    def count(self) -> CacheCounts:
        """Counts images, their references and their contents.

        Reads chatParticipants by a scan, and two indexes of cachedImages. Raises StoreUnavailableError.
        """
        counts, _ = self._count()
        return counts

    def count_with_accounts(self, account_ids: Collection[str]) -> tuple[CacheCounts, dict[str, int]]:
        """Counts as `count` does, and for each of these accounts the images that are pending or have failed.

        An image counts for an account if a chat of the account shows it. Without any account this takes no
        further request, otherwise a BatchGetItem for each hundred chats that show such an image. Raises
        StoreUnavailableError.
        """
        counts, missing_by_chat = self._count()
        if not account_ids:
            return counts, {}
        account_of_chat = self.chats_table.account_ids(missing_by_chat)
        missing_by_account: dict[str, set[str]] = {account_id: set() for account_id in account_ids}
        for chat_id, image_keys in missing_by_chat.items():
            if (account_id := account_of_chat.get(chat_id)) in missing_by_account:
                missing_by_account[account_id] |= image_keys
        return counts, {account_id: len(keys) for account_id, keys in missing_by_account.items()}

    def _count(self) -> tuple[CacheCounts, dict[str, set[str]]]:
        """Returns the counts, and by chat the keys of the images that it shows and that are not cached."""
        size_by_key: dict[str, int] = {}
        size_by_blob: dict[str, int] = {}
        for image in self.cached_images.stored_images():
            size_by_key[image.image_key] = image.file_size
            size_by_blob[image.blob_id] = image.file_size
        failed = {
            image.image_key: image.reason
            for image in self.cached_images.needing_attention(ImageStatus.FAILED)
        }
        pending = {image.image_key for image in self.cached_images.needing_attention(ImageStatus.PENDING)}
        references = 0
        would_be_stored = 0
        chats: set[str] = set()
        missing_by_chat: defaultdict[str, set[str]] = defaultdict(set)
        for reference in self.participants_table.references():
            if reference.image_key in size_by_key:
                references += 1
                would_be_stored += size_by_key[reference.image_key]
            if not reference.is_self:
                chats.add(reference.chat_id)
            if reference.image_key in pending or reference.image_key in failed:
                missing_by_chat[reference.chat_id].add(reference.image_key)
        stored = sum(size_by_blob.values())
        counts = CacheCounts(
            images=len(size_by_key),
            chats=len(chats),
            bytes=stored,
            pending=len(pending),
            failed_by_reason=dict(sorted(Counter(reason or "" for reason in failed.values()).items())),
            references=references,
            blobs=len(size_by_blob),
            bytes_saved=max(would_be_stored - stored, 0),
        )
        return counts, missing_by_chat
