"""Cacher, sync, sweep and forget, interleaved at every AWS call: no face is lost, nothing is kept for ever.

The real code on the engine, and a clock of the test's own. Chats come and go, people change their pictures,
sources change and vanish, workers are killed, and Lambda ends whoever takes too long.
"""

import heapq
import io
import itertools
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import requests
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from PIL import Image

from demo.chats import Person
from demo.media import Media, Picture
from demo.service import DemoAccount
from imagecache.errors import ClaimHeldError, ImageFailedError, NotFoundError
from imagecache.imaging.pictures import render
from imagecache.model.image import FailureReason, Fetched, ImageStatus, OriginName
from imagecache.model.job import CleanupOrder, new_job
from imagecache.model.person import FormerPictures
from imagecache.queues.images import ImagesQueue, from_body
from imagecache.rules.source_urls import MediaLocation
from imagecache.sources.web_images import GuardedWeb
from imagecache.stores.blobs import Blobs, blob_id, object_keys
from imagecache.stores.cdn import Cdn
from imagecache.usecases.caching.fetch_image import ImageSources
from local.engine import Engine
from tests.bucket_clock import bucket_clock
from tests.engine.interleaving import Interleaving
from tests.integration.conftest import DISTRIBUTION_PARAMETER, TABLES, Stack
from tests.integration.demo_chats import chat_with
from tests.integration.sweeping import PLENTY_OF_TIME, sweep_of
from tests.tables import create_tables

MINUTE, HOUR, DAY = 60_000, 3_600_000, 24 * 3_600_000
PEOPLE = [Person(f"@{name}:beeper.local", full_name=name) for name in ("Ada", "Bob", "Eve")]
MEDIA = [Media("local.beeper.com", f"alex_{number}") for number in range(6)]
COLORS = ["red", "green", "red", "blue", "white", "black"]
LEASE = 90_000
DELETIONS = frozenset({"DeleteItem", "DeleteObjects"})
NEVER = frozenset[str]()
which = st.integers(0, 99)
medias = st.sampled_from(MEDIA)
CASES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "pictures_change": {
        "person": st.sampled_from(PEOPLE),
        "media": st.none() | medias | medias,
        "at_once": st.booleans(),
        "source": st.none() | st.sampled_from(COLORS),
    },
    "somebody_begins": {
        "who": st.sampled_from([*["worker"] * 4, *["sweep"] * 4, "sync", "sync", "forget"]),
        "how": st.sampled_from(["not yet", "danger", "danger", "end"]),
        "media": medias,
    },
    "somebody_goes_on": {
        "number": which,
        "how": st.sampled_from(["end", "end", "deletion", "calls", "killed"]),
        "calls": st.integers(1, 6),
    },
    "chats_come_and_go": {
        "members": st.lists(st.sampled_from(PEOPLE), min_size=1, unique=True),
        "number": which,
    },
    "a_sweep_meets_a_worker": {"person": st.sampled_from(PEOPLE), "media": medias},
    "a_sweep_meets_a_sync": {"media": medias},
    "time_passes": {"time": st.sampled_from([10_000, 10_000, 3 * HOUR, DAY, 31 * DAY])},
}
# One rule for all of it: Hypothesis leaves some rules out of each run, and a danger needs several to meet.
HAPPENINGS = st.sampled_from(
    ["pictures_change"] * 3 + ["somebody_begins"] * 6 + ["somebody_goes_on"] * 4 + [*CASES]
).flatmap(lambda what: st.tuples(st.just(what), st.fixed_dictionaries(CASES[what])))
_buckets = itertools.count()


@dataclass
class Sources:
    """What Beeper gives for each media id: a colour, or nothing. Two ids may mean the same content."""

    colors: dict[str, str | None] = field(default_factory=dict)

    def check(self) -> None:
        """Works."""

    def check_token(self) -> None:
        """Works."""

    def fetch(self, source: MediaLocation, *, is_first_attempt: bool) -> Fetched:  # noqa: ARG002 - the interface's
        color = self.colors[source.key]
        if color is None:
            raise ImageFailedError(FailureReason.GONE)
        return Fetched(painted(color))


def painted(color: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(out, "PNG")
    return out.getvalue()


class Sqs:
    """As much of SQS as the queue needs, on the test's clock: a message comes again until it is done."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, str]] = []

    def send_message(self, *, MessageBody: str, DelaySeconds: int = 0, **_: Any) -> None:  # noqa: N803 - boto3's
        heapq.heappush(self._waiting, (self._stack.now + DelaySeconds * 1000, next(self._order), MessageBody))

    def send_message_batch(self, *, Entries: list[dict[str, str]], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's
        for entry in Entries:
            self.send_message(MessageBody=entry["MessageBody"])
        return {}

    def receive(self) -> str | None:
        """One that is due; it comes again in six minutes unless it is deleted."""
        if not self._waiting or self._waiting[0][0] > self._stack.now:
            return None
        _, order, body = heapq.heappop(self._waiting)
        heapq.heappush(self._waiting, (self._stack.now + 6 * MINUTE, order, body))
        return body

    def delete(self, body: str) -> None:
        self._waiting = [one for one in self._waiting if one[2] != body]
        heapq.heapify(self._waiting)


class UpkeepMachine(RuleBasedStateMachine):
    """`stack` is what the actors work with; `reader` asks the same engine, and is not held up."""

    engine: Engine

    @initialize()
    def an_empty_stack(self) -> None:
        self.resources = ExitStack()
        self.turns = Interleaving()
        bucket = f"images{next(_buckets)}"
        self.reader, self.stack = self.a_stack(bucket), self.a_stack(bucket)
        for name in TABLES:
            self.reader.dynamodb.delete_table(TableName=name)
        create_tables(self.reader.dynamodb, *TABLES)
        place: Any = {"LocationConstraint": "eu-west-1"}
        self.reader.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        self.reader.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.resources.enter_context(bucket_clock(self.stack.s3, lambda: self.stack.now))
        for client in (self.stack.dynamodb, self.stack.s3):
            client.meta.events.register("before-call.*.*", self.turns.hook)
        self.demo = self.resources.enter_context(DemoAccount(scale=0.03))
        self.session = self.resources.enter_context(requests.Session())
        self.demo.account.remove_all_chats()
        self.sources = Sources({media.key: color for media, color in zip(MEDIA, COLORS, strict=True)})
        self.sqs = Sqs(self.stack)
        queue = ImagesQueue(queue_url="images", sqs=self.sqs)  # type: ignore[arg-type] # what it uses of it
        self.stack.queue = self.stack.wiring.images_queue = queue
        queueing = replace(self.stack.image_queueing, queue=queue)
        self.stack.image_queueing = self.stack.wiring.image_queueing = queueing
        self.salt = self.stack.wiring.salt_store.read()
        self.made = self.jobs = 0
        self.forgetting: set[str] = set()
        self.forgotten: set[str] = set()
        self.kept: set[str] = set()
        for person, media in zip(PEOPLE, MEDIA, strict=False):
            self.a_chat_begins([person])
            self.demo.account.set_avatar(person.id, Picture.remote(media))
        self.synced(complete=True)
        self.everything_queued_is_worked_on()
        self.an_orphan_is_due_and_content_lies_around()

    def an_orphan_is_due_and_content_lies_around(self) -> None:
        """What most of the dangers begin with."""
        self.demo.account.set_avatar(PEOPLE[-1].id, None)
        content = painted("blue")
        self.stack.blobs.put(blob_id(self.salt, content), content, render(content))
        self.synced(complete=True)
        self.swept()
        self.stack.now += 31 * DAY
        self.synced(complete=True)

    def a_stack(self, bucket: str) -> Stack:
        access = self.engine.access
        dynamodb: Any = boto3.client("dynamodb", **access)
        s3: Any = boto3.client("s3", **access)
        stack = Stack(dynamodb, s3, None, "images")  # type: ignore[arg-type] # the queue is another
        # Former pictures are kept for long. Without them, whatever nobody shows must be deleted in the end.
        stack.wiring.config = replace(stack.wiring.config, former_pictures=FormerPictures.DROP)
        stack.blobs = stack.wiring.blobs = Blobs(bucket=bucket, s3=s3, salt_store=stack.wiring.salt_store)
        ssm = boto3.client("ssm", **access)  # which knows of no distribution
        stack.wiring.cdn = Cdn(parameter=DISTRIBUTION_PARAMETER, make_client={"ssm": ssm}.__getitem__)
        return stack

    def teardown(self) -> None:
        if hasattr(self, "kept"):
            try:
                self.in_the_end_everything_shown_is_there_and_nothing_else()
            finally:
                self.turns.kill_all()
                self.resources.close()

    def a_chat_begins(self, members: list[Person]) -> None:
        self.made += 1
        chat = chat_with(self.made, *members)
        self.demo.account.add_chat(chat)
        self.demo.account.receive_message(chat.id, "hello")

    @rule(happening=HAPPENINGS)
    def something_happens(self, happening: tuple[str, dict[str, Any]]) -> None:
        what, how = happening
        getattr(self, what)(**how)

    def chats_come_and_go(self, members: list[Person], number: int) -> None:
        chats = self.demo.account.chats
        if chats and number % 2:
            self.demo.account.remove_chat(chats[number % len(chats)].id)
        else:
            self.a_chat_begins(members)

    def pictures_change(self, person: Person, media: Media | None, at_once: bool, source: str | None) -> None:
        """Somebody shows another one, or none, and what its id stands for is another content, or gone."""
        if source and media:
            self.sources.colors[media.key] = None if source == COLORS[0] else source
        self.demo.account.set_avatar(person.id, Picture.remote(media) if media else None)
        if at_once:
            self.synced(complete=True)

    def a_sweep_meets_a_worker(self, person: Person, media: Media) -> None:
        """The worker is about to commit new content, and the sweep to delete something."""
        self.pictures_change(person, media, at_once=True, source=None)
        self.somebody_begins("worker", "danger", media)
        self.somebody_begins("sweep", "danger", media)

    def a_sweep_meets_a_sync(self, media: Media) -> None:
        """What the sweep is about to delete may be what somebody shows from now on."""
        self.somebody_begins("sweep", "danger", media)
        self.pictures_change(PEOPLE[-1], media, at_once=True, source=None)

    def somebody_begins(self, who: str, how: str, media: Media) -> None:
        """And goes on to where it is most dangerous, or all the way, or not yet."""
        before = list(self.turns.actors)
        match who:
            case "worker":
                self.a_worker_begins()
            case "sweep":
                self.begin("sweep", self.swept, lives_for=15 * MINUTE)
            case "sync":
                self.begin("sync", lambda: self.synced(complete=True), lives_for=15 * MINUTE)
            case "forget":
                self.forgetting.add(media.key)
                self.begin("forget", lambda: self.forget(media.key), lives_for=MINUTE // 2)
        for actor in [one for one in self.turns.actors if one not in before]:
            stops = [frozenset({"PutObject"}), frozenset({"UpdateItem"})] if who == "worker" else [DELETIONS]
            for stop in {"not yet": [], "danger": stops, "end": [NEVER]}[how]:
                if actor in self.turns.actors:
                    self.turns.go_on(actor, before=stop)

    def a_worker_begins(self) -> None:
        body = self.sqs.receive()
        if body:
            self.begin("cacher", lambda: self.cached(body), lives_for=MINUTE)

    def somebody_goes_on(self, number: int, how: str, calls: int) -> None:
        if not self.turns.actors:
            return
        actor = self.turns.actors[number % len(self.turns.actors)]
        match how:
            case "end":
                self.turns.go_on(actor)
            case "deletion":
                self.turns.go_on(actor, before=DELETIONS)
            case "calls":
                self.turns.go_on(actor, calls=calls)
            case "killed":
                self.turns.kill(actor)

    def time_passes(self, time: int) -> None:
        """Whoever is under way sees the seconds of it that Lambda gives."""
        self.stack.now += min(time, 20_000)
        self.turns.pass_time(self.stack.now)
        if time > 20_000:
            self.turns.pass_time(self.stack.now + time)
            self.stack.now += time

    @invariant()
    def what_is_handed_out_is_there(self) -> None:
        """A picture that is shown, and was there before, is there; a forgotten one never comes back."""
        shown = {one.image_key for one in self.reader.participants_table.references()}
        views = self.reader.cached_images.views({*shown, *self.forgetting})
        cached = {key for key in shown if key in views and views[key].status is ImageStatus.CACHED}
        gone = {key for key, view in views.items() if view.status is ImageStatus.FORGOTTEN}
        self.forgotten |= gone & self.forgetting
        there = {one.key for one in self.reader.blobs.versions() if one.is_current}
        for key in cached:
            assert set(object_keys(views[key].blob_id or "")) <= there, "a URL without its object"
        assert (self.kept & shown) - self.forgotten <= cached, "a picture that was there is gone"
        assert gone == self.forgotten
        self.kept = cached

    def begin(self, name: str, work: Any, *, lives_for: int) -> None:
        self.turns.begin(name, work, now=self.stack.now, lives_for=lives_for)

    def synced(self, *, complete: bool) -> None:
        ends = self.stack.now + 15 * MINUTE
        self.stack.sync(
            self.demo,
            self.session,
            complete=complete,
            force=True,
            remaining_ms=lambda: ends - self.stack.now,
        )

    def cached(self, body: str) -> None:
        sources = ImageSources(media={OriginName.BEEPER: self.sources}, web=GuardedWeb())
        cacher = self.stack.image_cacher(sources)
        try:
            cacher.cache(from_body(body))
        except ClaimHeldError:
            return
        self.sqs.delete(body)

    def everything_queued_is_worked_on(self) -> None:
        while body := self.sqs.receive():
            self.cached(body)

    def swept(self) -> None:
        """Every invocation is a sweep of its own, or goes on with one that was killed."""
        self.jobs += 1
        job_id = str(self.jobs)
        self.stack.jobs.create(new_job(job_id, CleanupOrder(), now=self.stack.now))
        sweep = sweep_of(self.stack, refetch_media_after=10 * DAY)
        self.stack.wiring.job_runner.run(job_id, sweep.run, PLENTY_OF_TIME)

    def forget(self, key: str) -> None:
        with suppress(NotFoundError):
            self.stack.wiring.image_changes.forget(f"mxc://{key}")

    def in_the_end_everything_shown_is_there_and_nothing_else(self) -> None:
        for actor in list(self.turns.actors):
            self.turns.go_on(actor)
            self.what_is_handed_out_is_there()
        for _ in range(4):
            self.stack.now += 31 * DAY
            self.synced(complete=True)
            self.everything_queued_is_worked_on()
            self.swept()
            self.what_is_handed_out_is_there()
            self.everything_queued_is_worked_on()
        wanted = {
            picture.media.key
            for chat in self.demo.account.chats
            for picture in chat.pictures
            if picture.media and picture.media.key not in self.forgotten
        }
        blobs = {
            key: blob_id(self.salt, painted(color)) for key, color in self.sources.colors.items() if color
        }
        rows = {image.image_key: image.blob_id for image in self.reader.cached_images.stored_images()}
        for key in wanted & blobs.keys():
            assert rows.get(key) == blobs[key], "a picture that could be had"
        assert rows.keys() <= wanted, "an image that nobody shows"
        stored = {one.blob_id for one in self.reader.blobs.versions() if one.is_current}
        self.stack.now += 2 * DAY
        assert stored - set(rows.values()) <= self.young(), "content that no row names"

    def young(self) -> set[str]:
        """What the next sweep may collect, and the last one could not yet."""
        before = {one.blob_id for one in self.reader.blobs.versions()}
        self.synced(complete=True)
        self.swept()
        return before - {one.blob_id for one in self.reader.blobs.versions()}


def test_no_face_is_lost_and_nothing_is_kept_for_ever_however_they_meet(engine_with_tables: Engine) -> None:
    machine = type("Machine", (UpkeepMachine,), {"engine": engine_with_tables})
    run_state_machine_as_test(machine, settings=SETTINGS)


SETTINGS = settings(
    max_examples=4,
    stateful_step_count=25,
    phases=(Phase.generate,),  # Shrinking takes many minutes.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
