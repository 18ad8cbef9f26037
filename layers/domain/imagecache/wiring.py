"""Builds the stores, queues and use cases of one deployment from its Config and AWS clients.

Entry points, the import from the Convex application, benchmarks and tests all use this module. No other
module creates a store or a use case.

The module of a store or a use case is imported when its class is first built. Imports at the top of this file
would make every function load every module, which makes cold starts slow, and would fail in functions without
the imaging layer, which contains Pillow.
"""

from collections.abc import Callable, Mapping
from functools import cache, cached_property, partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from imagecache.clock import DAY, Clock
from imagecache.config import Config
from imagecache.model.agent import Source
from imagecache.model.person import FormerPictures

if TYPE_CHECKING:
    import requests

    from imagecache.api.admin import AdminApi
    from imagecache.api.chats import ChatRoutes
    from imagecache.api.http import Log
    from imagecache.api.read import ReadApi
    from imagecache.model.job import JobKind
    from imagecache.queues.dead_letters import DeadLetters
    from imagecache.queues.images import ImagesQueue
    from imagecache.queues.invocations import Invocations
    from imagecache.queues.sync_requests import SyncRequests
    from imagecache.sources.beeper.chats import ChatApi
    from imagecache.stores.blobs import Blobs
    from imagecache.stores.cdn import Cdn
    from imagecache.stores.chats.chats import ChatsTable
    from imagecache.stores.chats.participants import ParticipantsTable
    from imagecache.stores.chats.people import PeopleTable
    from imagecache.stores.contacts import ContactsTable
    from imagecache.stores.images.cached_images import CachedImages
    from imagecache.stores.images.claims import ImageClaims
    from imagecache.stores.secrets import Secrets
    from imagecache.stores.state.accounts import AccountsStore
    from imagecache.stores.state.agent_lease import AgentLease
    from imagecache.stores.state.beeper_health import BeeperHealthStore
    from imagecache.stores.state.circuits import OriginCircuits
    from imagecache.stores.state.contact_changes import ContactChanges
    from imagecache.stores.state.jobs import Jobs
    from imagecache.stores.state.last_sync import LastSyncStore
    from imagecache.stores.state.lock import SyncLock
    from imagecache.stores.state.progress import ProgressStore
    from imagecache.stores.state.recent_chats import RecentChats
    from imagecache.stores.state.salt import SaltStore
    from imagecache.stores.state.sweep_statistics import SweepStatisticsStore
    from imagecache.usecases.caching.cache_batch import BatchCacher
    from imagecache.usecases.caching.cache_image import ImageCacher
    from imagecache.usecases.caching.fetch_image import ImageSources
    from imagecache.usecases.caching.queue_images import ImageQueueing
    from imagecache.usecases.contacts.import_contacts import ContactImport
    from imagecache.usecases.contacts.keep_contacts import ContactBook
    from imagecache.usecases.contacts.match_contacts import ContactMatcher
    from imagecache.usecases.contacts.store_imported import ImportedContacts
    from imagecache.usecases.operating.authorize import Authorizer
    from imagecache.usecases.operating.change_image import ImageChanges
    from imagecache.usecases.operating.choose_picture import FormerPictureChoice
    from imagecache.usecases.operating.jobs import JobReader, JobRunner, JobStarter
    from imagecache.usecases.operating.look_up_images import ImageLookup
    from imagecache.usecases.operating.queue_missing import ImageBackfill
    from imagecache.usecases.operating.redrive_images import ImageRedrive
    from imagecache.usecases.reading.count_cache import CacheCounter
    from imagecache.usecases.reading.explain_image import ImageExplainer
    from imagecache.usecases.reading.find_pictures import PictureFinder
    from imagecache.usecases.reading.former_pictures import FormerPictureListing
    from imagecache.usecases.reading.list_chats import ChatListing
    from imagecache.usecases.reading.list_uncached import UncachedListing
    from imagecache.usecases.reading.show_chat import ChatViewer
    from imagecache.usecases.sync.merge_chats import ChatMerger
    from imagecache.usecases.sync.people_records import PeopleRecords
    from imagecache.usecases.sync.refresh_former_pictures import FormerPictureRefresher
    from imagecache.usecases.sync.relink_contacts import ContactRelinker
    from imagecache.usecases.sync.remember_people import PeopleMemory
    from imagecache.usecases.sync.remove_missing import MissingChatRemover
    from imagecache.usecases.sync.store_chats import ChatWriter
    from imagecache.usecases.sync.store_page import PageWriter
    from imagecache.usecases.sync.sync_accounts import AccountSync, ContactSync
    from imagecache.usecases.sync.sync_chats import ChatSync
    from imagecache.usecases.sync.sync_job import SyncJobs
    from imagecache.usecases.upkeep.sweep_cache import Sweep

MakeClient = Callable[..., Any]
"""Returns the client of the service with this name, like `boto3.client`, and accepts its `config`, too."""


class Wiring:
    """The stores, queues and use cases of one deployment. Each is built when it is first used, and then kept.

    `make_client` is called once for each AWS service that is used.
    """

    def __init__(self, config: Config, *, make_client: MakeClient, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.client = cache(make_client)
        self._make_client = make_client

    # --- tables

    @cached_property
    def cached_images(self) -> "CachedImages":
        from imagecache.stores.images.cached_images import CachedImages

        return CachedImages(table_name=self.config.images_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def claims(self) -> "ImageClaims":
        from imagecache.stores.images.claims import ImageClaims

        return ImageClaims(table_name=self.config.images_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def chats_table(self) -> "ChatsTable":
        from imagecache.stores.chats.chats import ChatsTable

        return ChatsTable(
            table_name=self.config.chats_table,
            dynamodb=self.client("dynamodb"),
            writes_at_once=self.config.writes_at_once,
            shows_former_pictures=self._shows_former_pictures,
        )

    @cached_property
    def participants_table(self) -> "ParticipantsTable":
        from imagecache.stores.chats.participants import ParticipantsTable

        return ParticipantsTable(
            table_name=self.config.participants_table,
            dynamodb=self.client("dynamodb"),
            writes_at_once=self.config.writes_at_once,
            shows_former_pictures=self._shows_former_pictures,
        )

    @property
    def _shows_former_pictures(self) -> bool:
        return self.config.former_pictures is FormerPictures.SHOW

    @cached_property
    def people_table(self) -> "PeopleTable":
        from imagecache.stores.chats.people import PeopleTable

        return PeopleTable(
            table_name=self.config.participants_table,
            dynamodb=self.client("dynamodb"),
            requests_at_once=self.config.writes_at_once,
        )

    @cached_property
    def contacts_table(self) -> "ContactsTable":
        from imagecache.stores.contacts import ContactsTable

        return ContactsTable(table_name=self.config.contacts_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def sync_lock(self) -> "SyncLock":
        from imagecache.stores.state.lock import SyncLock

        return SyncLock(table_name=self.config.sync_state_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def progress_store(self) -> "ProgressStore":
        from imagecache.stores.state.progress import ProgressStore

        return ProgressStore(table_name=self.config.sync_state_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def last_sync_store(self) -> "LastSyncStore":
        from imagecache.stores.state.last_sync import LastSyncStore

        return LastSyncStore(table_name=self.config.sync_state_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def recent_chats(self) -> "RecentChats":
        from imagecache.stores.state.recent_chats import RecentChats

        return RecentChats(table_name=self.config.sync_state_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def beeper_health_store(self) -> "BeeperHealthStore":
        from imagecache.stores.state.beeper_health import BeeperHealthStore

        return BeeperHealthStore(table_name=self.config.sync_state_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def agent_lease(self) -> "AgentLease":
        from imagecache.stores.state.agent_lease import AgentLease

        return AgentLease(table_name=self.config.sync_state_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def accounts_store(self) -> "AccountsStore":
        from imagecache.stores.state.accounts import AccountsStore

        return AccountsStore(table_name=self.config.sync_state_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def contact_changes(self) -> "ContactChanges":
        from imagecache.stores.state.contact_changes import ContactChanges

        return ContactChanges(table_name=self.config.sync_state_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def statistics_store(self) -> "SweepStatisticsStore":
        from imagecache.stores.state.sweep_statistics import SweepStatisticsStore

        return SweepStatisticsStore(table_name=self.config.sync_state_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def jobs(self) -> "Jobs":
        from imagecache.stores.state.jobs import Jobs

        return Jobs(table_name=self.config.sync_state_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def circuits(self) -> "OriginCircuits":
        from imagecache.stores.state.circuits import OriginCircuits

        return OriginCircuits(table_name=self.config.sync_state_table, dynamodb=self.client("dynamodb"))

    @cached_property
    def salt_store(self) -> "SaltStore":
        from imagecache.stores.state.salt import SaltStore

        return SaltStore(table_name=self.config.sync_state_table, dynamodb=self.client("dynamodb"))

    # --- bucket, queues, secrets

    @cached_property
    def blobs(self) -> "Blobs":
        from imagecache.stores.blobs import Blobs

        return Blobs(
            bucket=self.config.image_bucket,
            s3=self.client("s3"),
            salt_store=self.salt_store,
        )

    @cached_property
    def images_queue(self) -> "ImagesQueue":
        from imagecache.queues.images import ImagesQueue

        return ImagesQueue(
            queue_url=self.config.images_queue_url,
            sqs=self.client("sqs"),
            requests_at_once=self.config.writes_at_once,
        )

    @cached_property
    def sync_requests(self) -> "SyncRequests":
        from imagecache.queues.sync_requests import SyncRequests

        return SyncRequests(queue_url=self.config.sync_requests_queue_url, sqs=self.client("sqs"))

    @cached_property
    def dead_letters(self) -> "DeadLetters":
        from imagecache.queues.dead_letters import DeadLetters

        return DeadLetters(queue_url=self.config.dead_letter_queue_url, sqs=self.client("sqs"))

    @cached_property
    def invocations(self) -> "Invocations":
        from imagecache.queues.invocations import Invocations

        return Invocations(functions=self.client("lambda"))

    @cached_property
    def secrets(self) -> "Secrets":
        from imagecache.stores.secrets import Secrets

        return Secrets(path=self.config.secrets_path, ssm=self.client("ssm"))

    @cached_property
    def cdn(self) -> "Cdn":
        from imagecache.stores.cdn import PATIENCE, Cdn

        parameter = f"{self.config.secrets_path}/distribution-id"
        return Cdn(parameter=parameter, make_client=partial(self._make_client, config=PATIENCE))

    # --- use cases

    @cached_property
    def image_queueing(self) -> "ImageQueueing":
        from imagecache.usecases.caching.queue_images import ImageQueueing

        return ImageQueueing(
            cached_images=self.cached_images,
            queue=self.images_queue,
            clock=self.clock,
            writes_at_once=self.config.writes_at_once,
        )

    @cached_property
    def contact_matcher(self) -> "ContactMatcher":
        from imagecache.usecases.contacts.match_contacts import ContactMatcher

        return ContactMatcher(contacts_table=self.contacts_table, region=self.config.default_region)

    @cached_property
    def contact_relinker(self) -> "ContactRelinker":
        from imagecache.usecases.sync.relink_contacts import ContactRelinker

        return ContactRelinker(
            matcher=self.contact_matcher,
            chats_table=self.chats_table,
            participants_table=self.participants_table,
            image_queueing=self.image_queueing,
            people_memory=self.people_memory,
            former_picture_refresher=self.former_picture_refresher,
            contact_changes=self.contact_changes,
        )

    @cached_property
    def people_records(self) -> "PeopleRecords":
        from imagecache.usecases.sync.people_records import PeopleRecords

        return PeopleRecords(people_table=self.people_table, clock=self.clock)

    @cached_property
    def former_picture_refresher(self) -> "FormerPictureRefresher":
        from imagecache.usecases.sync.refresh_former_pictures import FormerPictureRefresher

        return FormerPictureRefresher(
            people_table=self.people_table,
            participants_table=self.participants_table,
            chats_table=self.chats_table,
            cached_images=self.cached_images,
            records=self.people_records,
            former_pictures=self.config.former_pictures,
        )

    @cached_property
    def people_memory(self) -> "PeopleMemory":
        from imagecache.usecases.sync.remember_people import PeopleMemory

        return PeopleMemory(
            records=self.people_records,
            cached_images=self.cached_images,
            region=self.config.default_region,
            former_pictures=self.config.former_pictures,
        )

    @cached_property
    def page_writer(self) -> "PageWriter":
        from imagecache.usecases.sync.store_page import PageWriter

        return PageWriter(
            chats_table=self.chats_table,
            chat_merger=self.chat_merger,
            chat_writer=self.chat_writer,
        )

    @cached_property
    def chat_writer(self) -> "ChatWriter":
        from imagecache.usecases.sync.store_chats import ChatWriter

        return ChatWriter(
            chats_table=self.chats_table,
            participants_table=self.participants_table,
            image_queueing=self.image_queueing,
            matcher=self.contact_matcher,
            chat_merger=self.chat_merger,
            people_memory=self.people_memory,
        )

    @cached_property
    def missing_chat_remover(self) -> "MissingChatRemover":
        from imagecache.usecases.sync.remove_missing import MissingChatRemover

        return MissingChatRemover(
            chats_table=self.chats_table,
            chat_merger=self.chat_merger,
        )

    @cached_property
    def chat_merger(self) -> "ChatMerger":
        from imagecache.usecases.sync.merge_chats import ChatMerger

        return ChatMerger(
            chats_table=self.chats_table,
            participants_table=self.participants_table,
            people_memory=self.people_memory,
        )

    @cached_property
    def chat_sync(self) -> "ChatSync":
        from imagecache.usecases.sync.sync_chats import ChatSync

        return ChatSync(
            sync_lock=self.sync_lock,
            relinker=self.contact_relinker,
            page_writer=self.page_writer,
            missing_chat_remover=self.missing_chat_remover,
            chat_merger=self.chat_merger,
            account_sync=self.account_sync,
            contact_sync=self.contact_sync,
            former_picture_refresher=self.former_picture_refresher,
            image_queueing=self.image_queueing,
            progress_store=self.progress_store,
            last_sync_store=self.last_sync_store,
            recent_chats=self.recent_chats,
            contact_changes=self.contact_changes,
            circuits=self.circuits,
            clock=self.clock,
            active_within_days=self.config.active_within_days,
        )

    def chat_api(self, secrets: Mapping[str, str], session: "requests.Session") -> "ChatApi":
        """Builds the client of Beeper's chats. `secrets` has the values of BEEPER_SECRETS that are set."""
        from imagecache.sources.beeper.chats import ChatApi

        return ChatApi(base_url=self.config.beeper_url, secrets=secrets, session=session)

    @cached_property
    def sync_jobs(self) -> "SyncJobs":
        from imagecache.usecases.sync.sync_job import SyncJobs

        return SyncJobs(chat_sync=self.chat_sync, jobs=self.jobs, clock=self.clock, new_worker_id=token_hex)

    def batch_cacher(self, secrets: Mapping[str, str], session: "requests.Session") -> "BatchCacher":
        """Builds the cacher of one invocation. `secrets` has the values of IMAGE_SECRETS that are set."""
        from imagecache.sources.beeper.images import media_origins
        from imagecache.sources.web_images import GuardedWeb, user_agent
        from imagecache.usecases.caching.cache_batch import BatchCacher
        from imagecache.usecases.caching.fetch_image import ImageSources

        media = media_origins(
            beeper_url=self.config.beeper_url,
            media_server_url=self.config.media_server_url,
            order=self.config.origin_order,
            secrets=secrets,
            session=session,
        )
        web = GuardedWeb(user_agent=user_agent(self.config.contact_url))
        return BatchCacher(
            cacher=self.image_cacher(ImageSources(media=media, web=web)),
            queue=self.images_queue,
            clock=self.clock,
            fetches_at_once=self.config.fetches_per_invocation,
        )

    def image_cacher(self, sources: "ImageSources") -> "ImageCacher":
        from imagecache.usecases.caching.cache_image import ImageCacher
        from imagecache.usecases.caching.fetch_image import ImageFetcher, OriginGate

        gate = OriginGate(circuits=self.circuits, clock=self.clock)
        return ImageCacher(
            claims=self.claims,
            fetcher=ImageFetcher(sources=sources, gate=gate, clock=self.clock),
            blobs=self.blobs,
            queue=self.images_queue,
            lease_seconds=self.config.claim_lease_seconds,
            clock=self.clock,
        )

    @cached_property
    def image_changes(self) -> "ImageChanges":
        from imagecache.usecases.operating.change_image import ImageChanges

        return ImageChanges(
            cached_images=self.cached_images,
            participants_table=self.participants_table,
            contacts_table=self.contacts_table,
            image_queueing=self.image_queueing,
            blobs=self.blobs,
            cdn=self.cdn,
            clock=self.clock,
            longest_lease=self.config.claim_lease_seconds * 1000,
        )

    @cached_property
    def image_lookup(self) -> "ImageLookup":
        from imagecache.usecases.operating.look_up_images import ImageLookup

        return ImageLookup(
            cached_images=self.cached_images,
            image_queueing=self.image_queueing,
            clock=self.clock,
            writes_at_once=self.config.writes_at_once,
        )

    @cached_property
    def image_backfill(self) -> "ImageBackfill":
        from imagecache.usecases.operating.queue_missing import ImageBackfill

        return ImageBackfill(
            chats_table=self.chats_table,
            participants_table=self.participants_table,
            contacts_table=self.contacts_table,
            cached_images=self.cached_images,
            image_queueing=self.image_queueing,
        )

    @cached_property
    def image_redrive(self) -> "ImageRedrive":
        from imagecache.usecases.operating.redrive_images import ImageRedrive

        return ImageRedrive(dead_letters=self.dead_letters, images_queue=self.images_queue)

    def job_starter(self, *, functions: "Mapping[JobKind, str]", new_id: Callable[[], str]) -> "JobStarter":
        """Builds the starter of jobs. `functions` has the name of the function for each kind of job."""
        from imagecache.usecases.operating.jobs import JobStarter

        return JobStarter(
            jobs=self.jobs,
            invocations=self.invocations,
            functions=functions,
            clock=self.clock,
            new_id=new_id,
        )

    @cached_property
    def job_runner(self) -> "JobRunner":
        from imagecache.usecases.operating.jobs import JobRunner

        return JobRunner(jobs=self.jobs, clock=self.clock, new_id=token_hex)

    @cached_property
    def job_reader(self) -> "JobReader":
        from imagecache.usecases.operating.jobs import JobReader

        return JobReader(jobs=self.jobs, cached_images=self.cached_images, clock=self.clock)

    @cached_property
    def sweep(self) -> "Sweep":
        from imagecache.usecases.upkeep.repair_image import ImageRepair
        from imagecache.usecases.upkeep.sweep_blobs import BlobSweeper
        from imagecache.usecases.upkeep.sweep_cache import Sweep
        from imagecache.usecases.upkeep.sweep_people import PeopleSweeper
        from imagecache.usecases.upkeep.sweep_rows import RowSweeper

        row_sweeper = RowSweeper(
            cached_images=self.cached_images,
            participants_table=self.participants_table,
            contacts_table=self.contacts_table,
            image_repair=ImageRepair(blobs=self.blobs, cached_images=self.cached_images),
            image_queueing=self.image_queueing,
            clock=self.clock,
            writes_at_once=self.config.writes_at_once,
            refetch_media_after=self.config.refetch_media_after_days * DAY,
        )
        people_sweeper = PeopleSweeper(
            people_table=self.people_table,
            clock=self.clock,
            former_pictures=self.config.former_pictures,
        )
        return Sweep(
            people_sweeper=people_sweeper,
            row_sweeper=row_sweeper,
            blob_sweeper=BlobSweeper(
                blobs=self.blobs,
                cached_images=self.cached_images,
                requests_at_once=self.config.writes_at_once,
            ),
            backfill=self.image_backfill,
            image_queueing=self.image_queueing,
            cache_counter=self.cache_counter,
            last_sync_store=self.last_sync_store,
            beeper_health_store=self.beeper_health_store,
            statistics_store=self.statistics_store,
            clock=self.clock,
            active_within_days=self.config.active_within_days,
        )

    @cached_property
    def contact_book(self) -> "ContactBook":
        from imagecache.usecases.contacts.keep_contacts import ContactBook

        return ContactBook(
            contacts_table=self.contacts_table,
            contact_changes=self.contact_changes,
            chats_table=self.chats_table,
            participants_table=self.participants_table,
            cached_images=self.cached_images,
            region=self.config.default_region,
            clock=self.clock,
        )

    @cached_property
    def contact_import(self) -> "ContactImport":
        from imagecache.usecases.contacts.import_contacts import ContactImport

        return ContactImport(imported_contacts=self.imported_contacts, region=self.config.default_region)

    @cached_property
    def imported_contacts(self) -> "ImportedContacts":
        from imagecache.usecases.contacts.store_imported import ImportedContacts

        return ImportedContacts(
            contacts_table=self.contacts_table,
            contact_changes=self.contact_changes,
            clock=self.clock,
            writes_at_once=self.config.writes_at_once,
        )

    @cached_property
    def account_sync(self) -> "AccountSync":
        from imagecache.usecases.sync.sync_accounts import AccountSync

        return AccountSync(accounts_store=self.accounts_store, clock=self.clock)

    @cached_property
    def contact_sync(self) -> "ContactSync":
        from imagecache.usecases.sync.sync_accounts import ContactSync

        return ContactSync(imported_contacts=self.imported_contacts, region=self.config.default_region)

    @cached_property
    def chat_listing(self) -> "ChatListing":
        from imagecache.stores.chats.shown import ShownChats
        from imagecache.stores.images.views import ImageViews
        from imagecache.usecases.reading.list_chats import ChatListing

        return ChatListing(
            shown_chats=ShownChats(
                table_name=self.config.chats_table,
                dynamodb=self.client("dynamodb"),
                shows_former_pictures=self._shows_former_pictures,
            ),
            image_views=ImageViews(table_name=self.config.images_table, dynamodb=self.client("dynamodb")),
        )

    @cached_property
    def chat_viewer(self) -> "ChatViewer":
        from imagecache.usecases.reading.show_chat import ChatViewer

        return ChatViewer(
            chats_table=self.chats_table,
            participants_table=self.participants_table,
            cached_images=self.cached_images,
        )

    @cached_property
    def former_picture_listing(self) -> "FormerPictureListing":
        from imagecache.usecases.reading.former_pictures import FormerPictureListing

        return FormerPictureListing(
            chats_table=self.chats_table,
            participants_table=self.participants_table,
            people_table=self.people_table,
            cached_images=self.cached_images,
        )

    @cached_property
    def former_picture_choice(self) -> "FormerPictureChoice":
        from imagecache.usecases.operating.choose_picture import FormerPictureChoice

        return FormerPictureChoice(
            listing=self.former_picture_listing,
            people_table=self.people_table,
            contact_changes=self.contact_changes,
            clock=self.clock,
        )

    @cached_property
    def uncached_listing(self) -> "UncachedListing":
        from imagecache.usecases.reading.list_uncached import UncachedListing

        return UncachedListing(
            chats_table=self.chats_table,
            participants_table=self.participants_table,
            contacts_table=self.contacts_table,
            cached_images=self.cached_images,
        )

    @cached_property
    def picture_finder(self) -> "PictureFinder":
        from imagecache.usecases.reading.find_pictures import PictureFinder

        return PictureFinder(
            chats_table=self.chats_table,
            participants_table=self.participants_table,
            cached_images=self.cached_images,
        )

    @cached_property
    def cache_counter(self) -> "CacheCounter":
        from imagecache.usecases.reading.count_cache import CacheCounter

        return CacheCounter(
            cached_images=self.cached_images,
            participants_table=self.participants_table,
            chats_table=self.chats_table,
        )

    @cached_property
    def image_explainer(self) -> "ImageExplainer":
        from imagecache.usecases.reading.explain_image import ImageExplainer

        return ImageExplainer(
            cached_images=self.cached_images,
            participants_table=self.participants_table,
            chats_table=self.chats_table,
            contacts_table=self.contacts_table,
            circuits=self.circuits,
            clock=self.clock,
        )

    # --- the API

    def chat_routes(self) -> "ChatRoutes":
        """Builds the routes of chats, and only what a list of chats needs."""
        from imagecache.api.chats import ChatRoutes

        return ChatRoutes(
            listing=self.chat_listing,
            viewer=lambda: self.chat_viewer,
            base_url=self.config.public_base_url,
        )

    def read_api(self) -> "ReadApi":
        from imagecache.api.read import ReadApi

        return ReadApi(
            chat_listing=self.chat_listing,
            chat_viewer=self.chat_viewer,
            former_picture_listing=self.former_picture_listing,
            uncached_listing=self.uncached_listing,
            picture_finder=self.picture_finder,
            image_explainer=self.image_explainer,
            cache_counter=self.cache_counter,
            cached_images=self.cached_images,
            last_sync_store=self.last_sync_store,
            beeper_health_store=self.beeper_health_store,
            accounts_store=self.accounts_store,
            agent_lease=self.agent_lease if self.config.source is Source.AGENT else None,
            statistics_store=self.statistics_store,
            job_reader=self.job_reader,
            base_url=self.config.public_base_url,
            clock=self.clock,
        )

    def admin_api(
        self, *, functions: "Mapping[JobKind, str]", new_id: Callable[[], str], log: "Log"
    ) -> "AdminApi":
        """Builds the routes of functions/admin. `functions` names the function for each kind of job."""
        from imagecache.api.admin import AdminApi

        return AdminApi(
            lookup=self.image_lookup,
            changes=self.image_changes,
            book=self.contact_book,
            picture_choice=self.former_picture_choice,
            job_starter=self.job_starter(functions=functions, new_id=new_id),
            base_url=self.config.public_base_url,
            log=log,
        )

    @cached_property
    def authorizer(self) -> "Authorizer":
        from imagecache.usecases.operating.authorize import Authorizer

        return Authorizer(secrets=self.secrets, clock=self.clock)
