"""The routes of functions/read: they change nothing."""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from imagecache.api import chat_shapes, image_shapes, operation_shapes
from imagecache.api.chats import CHAT_QUERY, CHATS_QUERY, chat_detail, chats_page
from imagecache.api.http import Route, Routes
from imagecache.api.images import ONE_BODY, ROWS_QUERY, UNCACHED_QUERY, rows_page, uncached_page
from imagecache.api.operation import JOB_PATH, read_health, read_job, read_status, stats
from imagecache.api.story import explained
from imagecache.clock import Clock
from imagecache.model.access import Role
from imagecache.stores.chats.chat_reader import ChatReader
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.stores.state.sync_state import SyncState
from imagecache.usecases.operating.read_job import JobReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadApi:
    """What the routes are answered from."""

    chat_reader: ChatReader
    participants_table: ParticipantsTable
    contacts_table: ContactsTable
    cached_images: CachedImages
    catalogue: ImageCatalogue
    sync_state: SyncState
    job_reader: JobReader
    clock: Clock
    base_url: str

    def routes(self) -> Routes:
        """By API Gateway's route key."""
        return self._of_chats() | self._of_images() | self._of_operation()

    def _of_chats(self) -> dict[str, Route]:
        return {
            "GET /api/chats": Route(
                summary="A page of chats with every picture, newest first",
                query=CHATS_QUERY,
                gives=chat_shapes.Chats,
                answer=partial(
                    chats_page, chats=self.chat_reader, images=self.cached_images, base_url=self.base_url
                ),
            ),
            "GET /api/chat": Route(
                summary="One chat and a page of its full roster",
                query=CHAT_QUERY,
                gives=chat_shapes.ChatDetail,
                errors=[HTTPStatus.NOT_FOUND],
                answer=partial(
                    chat_detail,
                    chats=self.chat_reader,
                    participants=self.participants_table,
                    images=self.cached_images,
                    base_url=self.base_url,
                ),
            ),
        }

    def _of_images(self) -> dict[str, Route]:
        return {
            "GET /api/images": Route(
                summary="Images by status",
                query=ROWS_QUERY,
                gives=image_shapes.ImageRows,
                answer=partial(rows_page, catalogue=self.catalogue, base_url=self.base_url),
            ),
            "GET /api/images/uncached": Route(
                summary="References without a cached image, and why; "
                "a page may be empty and still have a cursor",
                query=UNCACHED_QUERY,
                gives=image_shapes.References,
                answer=partial(
                    uncached_page,
                    participants=self.participants_table,
                    contacts=self.contacts_table,
                    images=self.cached_images,
                ),
            ),
            "POST /api/images/explain": Route(
                summary="The whole story of one image",
                body=ONE_BODY,
                gives=image_shapes.Story,
                answer=partial(
                    explained,
                    catalogue=self.catalogue,
                    images=self.cached_images,
                    participants=self.participants_table,
                    chats=self.chat_reader,
                    contacts=self.contacts_table,
                    base_url=self.base_url,
                    clock=self.clock,
                ),
            ),
        }

    def _of_operation(self) -> dict[str, Route]:
        return {
            "GET /api/stats": Route(
                summary="What the cache holds, counted now",
                gives=operation_shapes.Stats,
                answer=partial(
                    stats,
                    catalogue=self.catalogue,
                    participants=self.participants_table,
                    state=self.sync_state,
                ),
            ),
            "GET /api/status": Route(
                summary="Whether Beeper can be reached",
                gives=operation_shapes.Status,
                answer=partial(read_status, sync_state=self.sync_state),
            ),
            "GET /api/health": Route(
                summary="Whether the API answers",
                role=Role.NONE,
                gives=operation_shapes.Health,
                answer=read_health,
            ),
            "GET /api/jobs/{jobId}": Route(
                summary="Progress and result of a job",
                role=Role.ADMIN,
                path=JOB_PATH,
                gives=operation_shapes.Job,
                errors=[HTTPStatus.NOT_FOUND],
                answer=partial(read_job, jobs=self.job_reader),
            ),
        }
