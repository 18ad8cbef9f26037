"""Builds the agent of a stack from its settings and credentials, and runs it until a signal."""

import os
import signal
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import cache, partial
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from imagecache import clock
from imagecache.aws_errors import aws_errors_translated
from imagecache.config import Config
from imagecache.imaging.memory_limit import limit_memory
from imagecache.model.agent import Source
from imagecache.wiring import MakeClient, Wiring
from imagecache_agent.account import (
    client_maker,
    open_session,
    read_key,
    refuse_wide_rights,
    require_kept_credentials,
)
from imagecache_agent.agent import Agent
from imagecache_agent.beeper import find_origins, headers_now
from imagecache_agent.folder import AgentFolder
from imagecache_agent.log import Log
from imagecache_agent.status import AgentStatus, Phase, write_status
from imagecache_agent.troubles import CannotWorkError
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_cli.session import Outside
from imagecache_hints.hinted_sync import syncing_on_hints
from imagecache_hints.listener import ListenerState
from imagecache_migration.deployed_stack import deployed_config, physical_name

# Decoding shares 512 MB, as in a function. The rest is for the program, and for the stacks of its threads.
_MEMORY = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048"}
_SERVICES = ("dynamodb", "s3", "sqs")


def run(
    stack: str,
    folder: AgentFolder,
    outside: Outside,
    *,
    ready: Callable[[str], None],
    stopping: Callable[[], None],
) -> None:
    """Runs the agent of this stack until SIGTERM or SIGINT.

    `ready` is called with a text for the person when the agent works, and `stopping` after SIGINT, because
    it may take some seconds until the work that was begun is finished.
    Raises CommandError if it cannot begin or go on, with what to do; SettingsError if a person must change a
    setting before that. The status file says the same.
    """
    os.umask(0o077)
    with folder.used() as agent_id:
        try:
            agent = _build(stack, folder, outside, agent_id, ready)
            _stop_on_signals(agent, stopping)
            # The main thread handles the signals, and must not wait for the event that the handler sets: a
            # signal between two steps of that wait would find the event's lock taken, and never return.
            with ThreadPoolExecutor(1) as pool:
                pool.submit(agent.run).result()
        except CannotWorkError as error:
            _record_end(folder, error.text, error.advice)
            raise
        except CommandError as error:
            _record_end(folder, str(error))
            raise
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            cannot_work = _cannot_work(error)
            _record_end(folder, cannot_work.text, cannot_work.advice)
            raise cannot_work from error


def check_installation(stack: str, folder: AgentFolder, outside: Outside) -> None:
    """Checks what can be known without AWS of an agent that is to be installed with these settings.

    Raises CommandError, or SettingsError, if it has no token for Beeper, no region or no credentials.
    """
    find_origins(outside.environment, outside.clone)
    try:
        session = open_session(read_key(folder.key_file), outside.environment)
        require_kept_credentials(stack, session)
    except BotoCoreError as error:
        raise _cannot_work(error) from error


def _build(
    stack: str, folder: AgentFolder, outside: Outside, agent_id: str, ready: Callable[[str], None]
) -> Agent:
    origins = partial(find_origins, outside.environment, outside.clone)
    here = origins()
    session = open_session(read_key(folder.key_file), outside.environment)
    make_client = cache(client_maker(session))  # the settings are read again and again
    function = _function(stack, make_client)
    refuse_wide_rights(stack, function, make_client)
    deployed = deployed_config(stack, make_client)
    if deployed.source is not Source.AGENT:
        raise SettingsError(
            f"the stack {stack} reads Beeper through a tunnel: run"
            f" `make deploy STACK={stack} PARAMETERS=Source=agent` first"
        )
    config = replace(deployed, beeper_url=here.beeper_url, media_server_url=here.media_server_url)
    wiring = Wiring(config, make_client=make_client, clock=clock.now)
    for service in _SERVICES:
        wiring.client(service)  # now, because clients must be made by one thread at a time
    _build_parts(wiring)
    limit_memory(_MEMORY)
    host = socket.gethostname()
    log = Log()
    return Agent(
        wiring=wiring,
        agent_id=agent_id,
        host=host,
        secrets=lambda: origins().secrets,
        cloudwatch=make_client("cloudwatch"),
        seconds=outside.seconds,
        log=log,
        settings_changed=partial(_has_changed, deployed, stack, make_client),
        record=partial(_record, folder),
        ready=lambda: ready(f"the agent on {host} works for {stack}"),
        hints=partial(_listening, here.beeper_url, partial(headers_now, origins), log),
    )


def _function(stack: str, make_client: MakeClient) -> str:
    """Returns the name of a function of the stack. Raises SettingsError if there is no such stack."""
    try:
        return physical_name(stack, "CacherFunction", make_client)
    except ClientError as error:
        if _code(error) != "ValidationError":
            raise
        region = make_client("cloudformation").meta.region_name
        raise SettingsError(
            f"there is no stack {stack} in {region}: check the name after --stack, and the region"
        ) from error


def _listening(
    beeper_url: str,
    headers: Callable[[], Mapping[str, str]],
    log: Log,
    sync: Callable[[frozenset[str]], bool],
) -> AbstractContextManager[None]:
    """Listens to Beeper's events during a `with` block. Each state of the listener is logged."""

    def note(state: ListenerState) -> None:
        log.line("hints", {"state": state.value})

    return syncing_on_hints(beeper_url, headers, sync, on_state=note)


def _build_parts(wiring: Wiring) -> None:
    """Builds now what several threads use, because a cached property may be built twice at the same time."""
    _ = wiring.sync_jobs, wiring.agent_lease, wiring.sync_requests, wiring.circuits, wiring.blobs
    _ = wiring.claims, wiring.images_queue, wiring.sync_lock


def _has_changed(deployed: Config, stack: str, make_client: MakeClient) -> bool:
    with aws_errors_translated():
        return deployed_config(stack, make_client) != deployed


def _stop_on_signals(agent: Agent, stopping: Callable[[], None]) -> None:
    def stop(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            stopping()
        agent.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def _record(folder: AgentFolder, status: AgentStatus) -> None:
    # The agent works on if the disk is full, because the results of its work are on AWS.
    with suppress(OSError):
        write_status(folder.status_file, status)


def _record_end(folder: AgentFolder, text: str, advice: str = "") -> None:
    _record(folder, AgentStatus(Phase.ENDED, clock.now(), text=text, advice=advice))


def _cannot_work(error: BotoCoreError | ClientError | ResponseParserError) -> CannotWorkError:
    call = error.operation_name if isinstance(error, ClientError) else ""
    return CannotWorkError(_code(error), call=call)


def _code(error: BotoCoreError | ClientError | ResponseParserError) -> str:
    """Returns AWS's code of the error, or the name of the client's exception."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", type(error).__name__))
    return type(error).__name__
