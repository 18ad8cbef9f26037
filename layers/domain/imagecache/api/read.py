"""The routes of functions/read: they change nothing."""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from imagecache.api import chat_shapes, image_shapes, operation_shapes
from imagecache.api.chats import CHAT_QUERY, CHATS_QUERY, chat_detail, chats_page
from imagecache.api.http import Route, Routes
from imagecache.api.images import ONE_BODY, ROWS_QUERY, UNCACHED_QUERY, rows_page, uncached_page
from imagecache.api.operation import JOB_PATH, health, job_told, stats
from imagecache.api.story import explained
from imagecache.clock import Clock
from imagecache.model.access import Role
from imagecache.stores.chats.chat_reader import ChatReader
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.stores.state.beeper_health import BeeperHealthStore
from imagecache.stores.state.jobs import Jobs
from imagecache.stores.state.last_sync import LastSyncStore
from imagecache.stores.state.sweep_statistics import SweepStatisticsStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadApi:
    """What the routes are answered from."""

    chat_reader: ChatReader
    participants_table: ParticipantsTable
    contacts_table: ContactsTable
    cached_images: CachedImages
    catalogue: ImageCatalogue
    last_sync_store: LastSyncStore
    beeper_health_store: BeeperHealthStore
    statistics_store: SweepStatisticsStore
    jobs: Jobs
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
                    last_sync_store=self.last_sync_store,
                    beeper_health_store=self.beeper_health_store,
                    statistics_store=self.statistics_store,
                ),
            ),
            "GET /api/health": Route(
                summary="Whether the API answers, and how Beeper does",
                role=Role.NONE,
                gives=operation_shapes.Health,
                answer=partial(health, beeper_health_store=self.beeper_health_store),
            ),
            "GET /api/jobs/{jobId}": Route(
                summary="Progress and result of a job",
                role=Role.ADMIN,
                path=JOB_PATH,
                gives=operation_shapes.Job,
                errors=[HTTPStatus.NOT_FOUND],
                answer=partial(job_told, jobs=self.jobs, catalogue=self.catalogue, clock=self.clock),
            ),
        }
