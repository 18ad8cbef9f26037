"""The routes of functions/read, which change nothing."""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from imagecache.api import operation_shapes
from imagecache.api.chats import ChatRoutes
from imagecache.api.http import Route, Routes
from imagecache.api.images import ImageRoutes
from imagecache.api.operation import JOB_PATH, read_health, read_job, read_status, stats
from imagecache.clock import Clock
from imagecache.model.access import Role
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.stores.state.beeper_health import BeeperHealthStore
from imagecache.stores.state.last_sync import LastSyncStore
from imagecache.stores.state.sweep_statistics import SweepStatisticsStore
from imagecache.usecases.operating.read_job import JobReader
from imagecache.usecases.reading.explain_image import ImageExplainer
from imagecache.usecases.reading.list_chats import ChatListing
from imagecache.usecases.reading.list_uncached import UncachedListing
from imagecache.usecases.reading.show_chat import ChatViewer


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadApi:
    """The use cases and stores that the routes use.

    `base_url` is the address of the pictures, empty if it is the API's own.
    """

    chat_listing: ChatListing
    chat_viewer: ChatViewer
    uncached_listing: UncachedListing
    image_explainer: ImageExplainer
    participants_table: ParticipantsTable
    catalogue: ImageCatalogue
    last_sync_store: LastSyncStore
    beeper_health_store: BeeperHealthStore
    statistics_store: SweepStatisticsStore
    job_reader: JobReader
    clock: Clock
    base_url: str

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        chats = ChatRoutes(listing=self.chat_listing, viewer=self.chat_viewer, base_url=self.base_url)
        images = ImageRoutes(
            catalogue=self.catalogue,
            uncached=self.uncached_listing,
            explainer=self.image_explainer,
            clock=self.clock,
            base_url=self.base_url,
        )
        return {**chats.routes(), **images.routes(), **self._of_operation()}

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
            "GET /api/status": Route(
                summary="Whether Beeper can be reached",
                gives=operation_shapes.Status,
                answer=partial(read_status, beeper_health_store=self.beeper_health_store),
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
