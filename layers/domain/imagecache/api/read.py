"""The routes of functions/read: they change nothing."""

from functools import partial
from http import HTTPStatus

from imagecache.api import shapes
from imagecache.api.chats import CHAT_QUERY, CHATS_QUERY, chat_detail, chats_page
from imagecache.api.http import Route, Routes
from imagecache.api.images import ONE_BODY, ROWS_QUERY, UNCACHED_QUERY, rows_page, uncached_page
from imagecache.api.operation import JOB_PATH, health, job_told, stats
from imagecache.api.story import explained
from imagecache.model import Clock, Role
from imagecache.stores.chat_pages import ChatPages
from imagecache.stores.contacts import Contacts
from imagecache.stores.image_facts import ImageCatalogue
from imagecache.stores.images import CachedImages
from imagecache.stores.jobs import Jobs
from imagecache.stores.participants import ChatParticipants
from imagecache.stores.sync_state import SyncState


def read_routes(
    *,
    chats: ChatPages,
    participants: ChatParticipants,
    contacts: Contacts,
    images: CachedImages,
    catalogue: ImageCatalogue,
    state: SyncState,
    jobs: Jobs,
    clock: Clock,
    base_url: str,
) -> Routes:
    """By API Gateway's route key."""
    return {
        "GET /api/chats": Route(
            summary="A page of chats with every picture, newest first",
            query=CHATS_QUERY,
            gives=shapes.Chats,
            answer=partial(chats_page, chats=chats, images=images, base_url=base_url),
        ),
        "GET /api/chat": Route(
            summary="One chat and a page of its full roster",
            query=CHAT_QUERY,
            gives=shapes.ChatDetail,
            errors=[HTTPStatus.NOT_FOUND],
            answer=partial(
                chat_detail, chats=chats, participants=participants, images=images, base_url=base_url
            ),
        ),
        "GET /api/images": Route(
            summary="Images by status",
            query=ROWS_QUERY,
            gives=shapes.ImageRows,
            answer=partial(rows_page, catalogue=catalogue, base_url=base_url),
        ),
        "GET /api/images/uncached": Route(
            summary="References without a cached image, and why; a page may be empty and still have a cursor",
            query=UNCACHED_QUERY,
            gives=shapes.References,
            answer=partial(uncached_page, participants=participants, images=images),
        ),
        "POST /api/images/explain": Route(
            summary="The whole story of one image",
            body=ONE_BODY,
            gives=shapes.Story,
            answer=partial(
                explained,
                catalogue=catalogue,
                images=images,
                participants=participants,
                chats=chats,
                contacts=contacts,
                base_url=base_url,
                clock=clock,
            ),
        ),
        "GET /api/stats": Route(
            summary="What the cache holds, counted now",
            gives=shapes.Stats,
            answer=partial(stats, catalogue=catalogue, participants=participants, state=state),
        ),
        "GET /api/health": Route(
            summary="Whether the API answers, and how Beeper does",
            role=Role.NONE,
            gives=shapes.Health,
            answer=partial(health, state=state),
        ),
        "GET /api/jobs/{jobId}": Route(
            summary="Progress and result of a job",
            role=Role.ADMIN,
            path=JOB_PATH,
            gives=shapes.Job,
            errors=[HTTPStatus.NOT_FOUND],
            answer=partial(job_told, jobs=jobs, catalogue=catalogue, clock=clock),
        ),
    }
