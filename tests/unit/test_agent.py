"""An agent on bad days: what it does about trouble, what it tells, and that it ends in order."""

import errno
import io
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from imagecache.errors import StoreUnavailableError
from imagecache.model.agent import KnownAgent
from imagecache_agent import work
from imagecache_agent.account import Key, client_maker, open_session, read_key, refuse_wide_rights
from imagecache_agent.agent import Agent, Timing, pause_after
from imagecache_agent.beeper import find_origins, headers_now
from imagecache_agent.elapsed import Elapsed
from imagecache_agent.folder import AgentFolder
from imagecache_agent.in_flight import InFlight
from imagecache_agent.log import Log
from imagecache_agent.status import AgentStatus, Phase, read_status, write_status
from imagecache_agent.troubles import MEANINGS, Trouble, trouble_of
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_cli.session import Outside

LIMIT = 20.0
NOW = 1_800_000_000_000


class Lease:
    """The lease of the agent, which another one may have, and which may fail."""

    def __init__(self) -> None:
        self.is_free = True
        self.error = ""
        self.taken = self.refused = 0
        self.given_back = 0
        self.may_take = Event()
        self.may_take.set()
        self.last = ""

    def take(self, *_: object, **__: object) -> bool:
        if self.error:
            self.refused += 1
            raise StoreUnavailableError(self.error)
        self.taken += 1
        assert self.may_take.wait(LIMIT)
        self.last = "take"
        return self.is_free

    def give_back(self, *_: object, **__: object) -> None:
        self.given_back += 1
        self.last = "give back"

    def read(self) -> KnownAgent:
        return KnownAgent(host="ada-laptop", since=NOW, seen_at=NOW + 60_000)


class Queue:
    """A queue without messages, whose `receive` may fail with an error of AWS."""

    def __init__(self) -> None:
        self.error = ""
        self.bug: Exception | None = None
        self.may_answer: Event | None = None
        self.is_waiting = Event()
        self.asked = 0

    def receive(self, **_: object) -> list[Any]:
        self.asked += 1
        time.sleep(0.01)
        if self.may_answer:
            self.is_waiting.set()
            assert self.may_answer.wait(LIMIT)
        if self.bug:
            raise self.bug
        if self.error:
            raise StoreUnavailableError(self.error)
        return []

    def hide(self, *_: object, **__: object) -> None:
        raise AssertionError("nothing was received")


class World:
    """An agent without AWS and without Beeper, and what it has recorded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        monkeypatch.setattr("imagecache_agent.agent._FIRST_PAUSE", 0.001)
        monkeypatch.setattr("imagecache_agent.agent._LONGEST_PAUSE", 0.01)
        monkeypatch.setattr("imagecache_agent.syncs._WAIT_SECONDS", 0.01)
        self.lease, self.images, self.requests = Lease(), Queue(), Queue()
        self.freed: list[int] = []
        self.recorded: list[AgentStatus] = []
        self.ready = Event()
        wiring: Any = SimpleNamespace(
            clock=lambda: NOW,
            config=SimpleNamespace(service="imagecache", claim_lease_seconds=90),
            agent_lease=self.lease,
            sync_lock=SimpleNamespace(free=lambda: self.freed.append(1)),
            images_queue=self.images,
            sync_requests=self.requests,
        )
        self.agent = Agent(
            wiring=wiring,
            agent_id="one",
            host="here",
            secrets=dict,
            cloudwatch=None,
            seconds=lambda: 0.0,
            log=SimpleNamespace(line=lambda *_: None),  # type: ignore[arg-type]  # keeps nothing
            settings_changed=options.pop("settings_changed", lambda: False),
            record=self.recorded.append,
            ready=self.ready.set,
            timing=Timing(renew_seconds=0.01, settings_every_seconds=0.01),
            **options,
        )
        # The step of a sync is tested elsewhere.
        monkeypatch.setattr("imagecache_agent.syncs.SyncWork.step", lambda _: time.sleep(0.01))
        self.error: CommandError | None = None
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.agent.run()
        except CommandError as error:
            self.error = error

    @property
    def now(self) -> AgentStatus:
        return self.recorded[-1]

    def start(self) -> None:
        self.thread.start()
        assert self.ready.wait(LIMIT)

    def ends(self) -> str:
        """Waits until the agent has ended by itself, and returns why."""
        self.thread.join(LIMIT)
        assert not self.thread.is_alive()
        return str(self.error)

    def stop(self) -> None:
        self.agent.stop()
        self.thread.join(LIMIT)
        assert not self.thread.is_alive()


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_an_agent_that_is_stopped_gives_the_lease_back_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.start()
    assert world.freed, "a sync that was killed with the agent before does not keep this one waiting"
    wait_for(lambda: world.lease.taken > 2)  # it is renewed

    world.stop()

    assert (world.error, world.lease.given_back, world.now.phase) == (None, 1, Phase.STOPPED)


def test_a_lease_that_is_just_being_renewed_is_given_back_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch)
    world.start()
    world.lease.may_take.clear()
    taken = world.lease.taken
    wait_for(lambda: world.lease.taken > taken)
    world.agent.stop()
    # The agent gives the lease back as soon as nothing else works, or waits for the renewal before it does.
    wait_for(lambda: not {"images", "syncs"} & {thread.name for thread in threading.enumerate()})
    threading.Timer(0.3, world.lease.may_take.set).start()
    world.stop()
    wait_for(world.lease.may_take.is_set)

    assert world.lease.last == "give back"


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("EndpointConnectionError", Trouble.NETWORK),
        ("ThrottlingException", Trouble.THROTTLED),
        ("RequestTimeTooSkewed", Trouble.CLOCK),
        ("InternalServerError", Trouble.OTHER),
    ],
)
def test_trouble_that_may_end_is_told_and_waited_for(
    monkeypatch: pytest.MonkeyPatch, code: str, trouble: Trouble
) -> None:
    world = World(monkeypatch)
    world.start()
    world.images.error = code
    wait_for(lambda: world.now.phase is Phase.TROUBLE)
    assert MEANINGS[trouble].text in world.now.text
    assert code in world.now.text
    assert world.now.advice == MEANINGS[trouble].advice
    world.images.error = ""
    wait_for(lambda: world.now.phase is Phase.RUNNING)
    assert (world.now.text, world.now.advice) == ("", "")
    world.stop()


def test_the_pause_after_failures_is_a_minute_also_after_a_week() -> None:
    assert [pause_after(failures) for failures in (1, 2, 5, 6, 10_000)] == [2, 4, 32, 60, 60]


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("ExpiredTokenException", Trouble.CREDENTIALS),
        ("UnrecognizedClientException", Trouble.CREDENTIALS),
        ("AWS.SimpleQueueService.NonExistentQueue", Trouble.GONE),
        ("ResourceNotFoundException", Trouble.GONE),
    ],
)
def test_trouble_that_needs_a_person_ends_the_agent_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, code: str, trouble: Trouble
) -> None:
    world = World(monkeypatch)
    world.start()
    world.requests.error = code

    assert world.ends() == f"{MEANINGS[trouble].text} ({code}): {MEANINGS[trouble].advice}"
    assert world.lease.given_back == 1


def test_nothing_is_received_while_the_tables_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each delivery counts: after five of them an image would be a dead letter, although nothing is wrong."""
    world = World(monkeypatch)
    world.start()
    world.images.error = world.lease.error = "ProvisionedThroughputExceededException"
    wait_for(lambda: world.now.phase is Phase.TROUBLE)
    asked = world.images.asked
    wait_for(lambda: world.lease.refused > 20)
    assert world.images.asked <= asked + 1  # one request was on its way
    world.images.error = world.lease.error = ""
    wait_for(lambda: world.images.asked > asked and world.now.phase is Phase.RUNNING)
    world.stop()


def test_a_second_agent_is_told_who_has_the_work_and_since_when(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.lease.is_free = False
    world.thread.start()

    why = world.ends()

    assert "the agent on ada-laptop works for this stack since 2027-01-15 08:00 UTC, last seen" in why
    assert world.freed == []


def test_an_agent_that_has_slept_until_another_one_took_over_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.start()
    world.lease.is_free = False

    assert "ada-laptop" in world.ends()


def test_an_agent_ends_when_its_stack_has_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, settings_changed=lambda: True)
    world.thread.start()

    assert "other settings" in world.ends()


def test_beeper_is_listened_to_while_the_agent_works(monkeypatch: pytest.MonkeyPatch) -> None:
    listening: list[bool] = []

    @contextmanager
    def listen(sync: Callable[[frozenset[str]], bool]) -> Iterator[None]:
        listening.append(True)
        yield
        listening.append(sync(frozenset({"!a"})))  # nobody waits for a sync any more

    world = World(monkeypatch, hints=listen)
    world.start()
    wait_for(lambda: listening == [True])
    world.stop()
    assert listening == [True, True]


@pytest.mark.parametrize(
    ("wall", "monotonic", "passed"),
    [
        (1_000, 1.0, 1_000),
        (8 * 3_600_000, 1.0, 8 * 3_600_000),  # the computer slept, and its monotonic clock with it
        (-3_600_000, 5.0, 5_000),  # the clock was set back
    ],
)
def test_time_passes_by_the_clock_that_has_gone_further(wall: int, monotonic: float, passed: int) -> None:
    moments = [NOW, NOW + wall]
    seconds = [100.0, 100.0 + monotonic]
    elapsed = Elapsed(lambda: moments.pop(0), lambda: seconds.pop(0))

    assert elapsed.milliseconds() == passed


def test_messages_stay_hidden_while_they_are_worked_on_and_not_after() -> None:
    hidden: list[str] = []

    def hide(handle: str) -> None:
        hidden.append(handle)
        raise StoreUnavailableError("EndpointConnectionError")  # the next time it may succeed

    in_flight = InFlight(hide)
    in_flight.add(["a", "b"])
    in_flight.extend()
    in_flight.remove(["a"])
    in_flight.extend()

    assert hidden == ["a", "b", "b"]
    assert in_flight.is_busy()


def test_every_trouble_has_a_meaning_and_every_code_its_first_trouble() -> None:
    assert MEANINGS.keys() == set(Trouble)
    assert trouble_of("AWS.SimpleQueueService.NonExistentQueue") is Trouble.GONE
    assert trouble_of("InvalidClientTokenId") is Trouble.CREDENTIALS
    assert trouble_of("ReadTimeoutError") is Trouble.NETWORK
    assert trouble_of("whatever") is Trouble.OTHER


def test_a_log_that_cannot_be_written_keeps_no_part_from_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error would leave messages in the queue that were worked on, and end the thread that reports it."""

    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sys.stderr", Full())

    Log().line("image", {"result": "cached"})


def test_a_part_that_fails_for_a_reason_of_its_own_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.start()
    world.images.bug = KeyError("a private text")
    wait_for(lambda: world.now.phase is Phase.TROUBLE)
    assert world.now.text == "an unexpected error prevents a part of the agent from working (KeyError)"
    world.images.bug = None
    wait_for(lambda: world.now.phase is Phase.RUNNING)
    world.stop()


def test_a_stopped_agent_stays_stopped_whatever_its_last_requests_end_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch)
    world.start()
    world.requests.error = "ThrottlingException"
    wait_for(lambda: world.now.phase is Phase.TROUBLE)
    world.requests.may_answer = Event()
    assert world.requests.is_waiting.wait(LIMIT)
    world.stop()
    world.requests.error = ""
    world.requests.may_answer.set()
    wait_for(lambda: "requests" not in {thread.name for thread in threading.enumerate()})

    assert world.now.phase is Phase.STOPPED


def test_an_id_that_was_lost_to_a_full_disk_is_made_again(tmp_path: Path) -> None:
    folder = AgentFolder(tmp_path / "agent", tmp_path / "key")
    folder.path.mkdir()
    (folder.path / "id").write_text("")

    with folder.used() as first:
        assert len(first) == 16
    with folder.used() as second:
        assert second == first


def test_the_status_is_the_owners_alone_and_survives_what_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    assert read_status(file) is None
    status = AgentStatus(Phase.TROUBLE, NOW, "AWS cannot be reached", "wait")
    write_status(file, status)
    assert read_status(file) == status
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text('{"phase": "of a later version"}')
    assert read_status(file) is None


def test_the_token_is_that_of_the_environment_or_of_the_connection_to_the_same_address(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingsError, match="Beeper's token is missing"):
        find_origins({}, tmp_path)
    (tmp_path / ".local").mkdir()
    connection = {"url": "http://127.0.0.1:23373", "token": "of-the-connection", "clientId": "x"}
    (tmp_path / ".local" / "connection.json").write_text(json.dumps(connection))
    assert find_origins({}, tmp_path).secrets == {"beeper-token": "of-the-connection"}
    assert find_origins({"BEEPER_TOKEN": "mine"}, tmp_path).secrets == {"beeper-token": "mine"}
    with pytest.raises(SettingsError, match="Beeper's token is missing"):
        find_origins({"BEEPER_URL": "https://elsewhere.example"}, tmp_path)
    with pytest.raises(SettingsError, match="must begin with https"):
        find_origins({"BEEPER_URL": "http://elsewhere.example", "BEEPER_TOKEN": "mine"}, tmp_path)
    server = {"MEDIA_SERVER_URL": "http://127.0.0.1:9", "MEDIA_SERVER_TOKEN": "m3dia"}
    origins = find_origins(server, tmp_path)
    assert (origins.media_server_url, origins.secrets["media-server-token"]) == (
        "http://127.0.0.1:9",
        "m3dia",
    )
    assert "of-the-connection" not in repr(origins)


def test_without_a_token_beeper_is_asked_without_one_so_that_the_listener_goes_on(tmp_path: Path) -> None:
    tokens = {"BEEPER_TOKEN": "mine"}
    headers = partial(headers_now, lambda: find_origins(tokens, tmp_path))
    assert headers() == {"Authorization": "Bearer mine"}

    tokens.clear()  # a person has disconnected Beeper

    assert headers() == {}


def test_a_key_is_read_from_its_file_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "imagecache.agent-key"
    assert read_key(file) is None
    file.write_text('{"accessKeyId": "AKIA", "secretAccessKey": "s3cret", "region": "eu-west-1"}')
    key = read_key(file)
    assert key == Key("AKIA", "eu-west-1", "s3cret")
    assert "s3cret" not in repr(key)
    file.write_text("{}")
    with pytest.raises(SettingsError, match="make a new one"):
        read_key(file)
    file.unlink()
    file.mkdir()  # as unreadable as a file that root has copied
    with pytest.raises(SettingsError, match=r"agent-key cannot be read \(Is a directory\)"):
        read_key(file)


def test_without_a_key_the_region_of_the_stack_must_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(SettingsError, match="no AWS region is known"):
        open_session(None, {})
    made = client_maker(open_session(Key("AKIA", "eu-west-1", "s3cret"), {"AWS_REGION": "eu-west-2"}))("sqs")
    assert made.meta.region_name == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert open_session(None, {"AWS_REGION": "eu-central-1"}).region_name == "eu-central-1"
    assert open_session(None, {}).region_name == "us-east-1"


class Aws:
    """Answers as AWS does to somebody who may do only these calls. Anybody may ask who they are."""

    def __init__(self, *allowed: str, arn: str = "arn:aws:iam::1:user/agent", code: str = "AccessDenied"):
        self._allowed = allowed
        self._arn = arn
        self._code = code

    def __call__(self, _service: str, **_: object) -> Any:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": self._arn}

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(**_: object) -> None:
            if name not in self._allowed:
                raise ClientError({"Error": {"Code": self._code}}, name)

        return call


def test_rights_of_an_agent_are_accepted() -> None:
    refuse_wide_rights("imagecache", "cacher", Aws())


@pytest.mark.parametrize("call", ["list_users", "list_buckets", "list_tables", "get_parameters", "invoke"])
def test_an_agent_refuses_to_work_with_rights_that_it_does_not_need(call: str) -> None:
    with pytest.raises(SettingsError, match=r"allow more than an agent needs: they may .* `make agent-cred"):
        refuse_wide_rights("imagecache", "cacher", Aws(call))


def test_an_agent_refuses_to_be_root_and_does_not_take_an_outage_for_a_refusal() -> None:
    with pytest.raises(SettingsError, match="root user"):
        refuse_wide_rights("imagecache", "cacher", Aws(arn="arn:aws:iam::1:root"))
    with pytest.raises(ClientError, match="Throttling"):
        refuse_wide_rights("imagecache", "cacher", Aws(code="Throttling"))


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("401", Trouble.CREDENTIALS),
        ("403", Trouble.CREDENTIALS),
        ("ProfileNotFound", Trouble.NO_CREDENTIALS),
        ("NoCredentialsError", Trouble.NO_CREDENTIALS),
        ("SignatureDoesNotMatch", Trouble.SIGNATURE),
        ("InvalidSignatureException", Trouble.SIGNATURE),
        ("RequestTimeTooSkewed", Trouble.CLOCK),
        ("ResponseParserError", Trouble.FOREIGN),
    ],
)
def test_a_code_means_the_trouble_that_a_person_can_end(code: str, trouble: Trouble) -> None:
    assert trouble_of(code) is trouble


def start_where_aws(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fails: Exception
) -> tuple[CommandError, AgentStatus | None]:
    """Starts an agent whose first request to AWS fails. Returns the error, and the status that is left."""

    class Cloudformation:
        meta = SimpleNamespace(region_name="eu-west-1")

        def get_paginator(self, _name: str) -> object:
            raise fails

    monkeypatch.setattr("imagecache_agent.work.client_maker", lambda _: lambda _name: Cloudformation())
    folder = AgentFolder(tmp_path / "agent", tmp_path / "mine.agent-key")
    outside = Outside(environment={"BEEPER_TOKEN": "mine"}, clone=tmp_path)
    with pytest.raises(CommandError) as raised:
        work.run("mine", folder, outside, ready=print, stopping=print)
    return raised.value, read_status(folder.status_file)


@pytest.mark.parametrize(
    ("error", "text", "advice"),
    [
        (
            ResponseParserError("<html>"),
            "something else than AWS answers (ResponseParserError)",
            "does a proxy, or the log-in page of a network, answer in place of AWS?",
        ),
        (
            ClientError({"Error": {"Code": "SignatureDoesNotMatch"}}, "GetCallerIdentity"),
            "AWS refuses the signature: the key's secret or this computer's clock is wrong"
            " (SignatureDoesNotMatch at GetCallerIdentity)",
            MEANINGS[Trouble.SIGNATURE].advice,
        ),
        (
            ClientError({"Error": {"Code": "Odd"}}, "ListStackResources"),
            "AWS answers with an error (Odd at ListStackResources)",
            "try again later; if it stays, look the code up in the documentation of AWS",
        ),
    ],
)
def test_an_agent_that_cannot_start_tells_text_and_advice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, text: str, advice: str
) -> None:
    raised, status = start_where_aws(monkeypatch, tmp_path, error)

    assert str(raised) == f"{text}: {advice}"
    assert status
    assert (status.phase, status.text, status.advice) == (Phase.ENDED, text, advice)


def test_a_stack_that_does_not_exist_is_named_with_its_region(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = ClientError({"Error": {"Code": "ValidationError"}}, "ListStackResources")

    raised, _ = start_where_aws(monkeypatch, tmp_path, missing)

    assert str(raised).startswith("there is no stack mine in eu-west-1: ")
    assert raised.exit_code == 2


def test_a_message_with_a_colon_is_kept_whole(tmp_path: Path) -> None:
    folder = AgentFolder(tmp_path / "agent", tmp_path / "mine.agent-key")
    with pytest.raises(SettingsError) as raised:
        work.run("mine", folder, Outside(environment={}, clone=tmp_path), ready=print, stopping=print)

    status = read_status(folder.status_file)
    assert status
    assert (status.text, status.advice) == (str(raised.value), "")


def test_ctrl_c_says_at_once_that_the_agent_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, Callable[[int, None], None]] = {}
    monkeypatch.setattr("signal.signal", handlers.__setitem__)
    agent: Any = SimpleNamespace(stop=lambda: done.append("stop"))
    done: list[str] = []

    work._stop_on_signals(agent, lambda: done.append("told"))
    handlers[signal.SIGTERM](signal.SIGTERM, None)
    handlers[signal.SIGINT](signal.SIGINT, None)

    assert done == ["stop", "told", "stop"]
