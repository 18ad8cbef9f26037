"""The routes of functions/read: chats, images, figures and jobs. None of them may change anything."""

from dataclasses import dataclass

from imagecache.api.chats import ChatRoutes
from imagecache.api.http import Routes
from imagecache.api.images import ImageRoutes
from imagecache.api.jobs import JobRoutes
from imagecache.api.operation import OperationRoutes
from imagecache.api.people import PeopleRoutes
from imagecache.clock import Clock
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.state.accounts import AccountsStore
from imagecache.stores.state.agent_lease import AgentLease
from imagecache.stores.state.beeper_health import BeeperHealthStore
from imagecache.stores.state.last_sync import LastSyncStore
from imagecache.stores.state.sweep_statistics import SweepStatisticsStore
from imagecache.usecases.operating.jobs import JobReader
from imagecache.usecases.reading.count_cache import CacheCounter
from imagecache.usecases.reading.explain_image import ImageExplainer
from imagecache.usecases.reading.find_pictures import PictureFinder
from imagecache.usecases.reading.former_pictures import FormerPictureListing
from imagecache.usecases.reading.list_chats import ChatListing
from imagecache.usecases.reading.list_uncached import UncachedListing
from imagecache.usecases.reading.show_chat import ChatViewer


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadApi:
    """The use cases and stores that the routes call.

    `base_url` is the first part of every picture's URL. It is empty if pictures have the API's own address.
    """

    chat_listing: ChatListing
    chat_viewer: ChatViewer
    former_picture_listing: FormerPictureListing
    uncached_listing: UncachedListing
    picture_finder: PictureFinder
    image_explainer: ImageExplainer
    cache_counter: CacheCounter
    cached_images: CachedImages
    last_sync_store: LastSyncStore
    beeper_health_store: BeeperHealthStore
    accounts_store: AccountsStore
    agent_lease: AgentLease | None
    statistics_store: SweepStatisticsStore
    job_reader: JobReader
    clock: Clock
    base_url: str

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        chats = ChatRoutes(listing=self.chat_listing, viewer=lambda: self.chat_viewer, base_url=self.base_url)
        images = ImageRoutes(
            cached_images=self.cached_images,
            uncached=self.uncached_listing,
            picture_finder=self.picture_finder,
            explainer=self.image_explainer,
            clock=self.clock,
            base_url=self.base_url,
        )
        operation = OperationRoutes(
            cache_counter=self.cache_counter,
            last_sync_store=self.last_sync_store,
            beeper_health_store=self.beeper_health_store,
            accounts_store=self.accounts_store,
            agent_lease=self.agent_lease,
            statistics_store=self.statistics_store,
            clock=self.clock,
        )
        people = PeopleRoutes(listing=self.former_picture_listing, base_url=self.base_url)
        jobs = JobRoutes(reader=self.job_reader)
        return {**chats.routes(), **people.routes(), **images.routes(), **operation.routes(), **jobs.routes()}
