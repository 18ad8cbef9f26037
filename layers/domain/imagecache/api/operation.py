"""The routes that show the state of the system: `/api/stats`, `/api/status` and `/api/health`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from imagecache.api import operation_shapes as shapes
from imagecache.api.fields import Choice
from imagecache.api.http import Route, Routes
from imagecache.api.values import iso8601
from imagecache.clock import Clock
from imagecache.model.access import Role
from imagecache.model.account import AccountSince
from imagecache.model.agent import KnownAgent
from imagecache.rules.account_statuses import ACCOUNT_STATUSES, StatusMeaning
from imagecache.stores.state.accounts import AccountsStore
from imagecache.stores.state.agent_lease import AgentLease
from imagecache.stores.state.beeper_health import BeeperHealth, BeeperHealthStore
from imagecache.stores.state.last_sync import LastSyncStore
from imagecache.stores.state.sweep_statistics import SweepStatisticsStore
from imagecache.usecases.reading.count_cache import CacheCounter


class StatusFields(StrEnum):
    """The fields of a status: how Beeper is, or all. Pages ask for the former every five minutes."""

    ORIGIN = "origin"
    ALL = "all"


STATUS_QUERY = (
    Choice(
        "fields",
        StatusFields,
        default=StatusFields.ORIGIN,
        about="what the answer has: how Beeper is, or the accounts, too",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRoutes:
    """Shows counts, the health of Beeper and of the agent, and that the API answers.

    `agent_lease` is None if the functions ask Beeper themselves.
    """

    cache_counter: CacheCounter
    last_sync_store: LastSyncStore
    beeper_health_store: BeeperHealthStore
    accounts_store: AccountsStore
    agent_lease: AgentLease | None
    statistics_store: SweepStatisticsStore
    clock: Clock

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        return {
            "GET /api/stats": Route(
                summary="Count what the cache holds",
                gives=shapes.Stats,
                answer=self.stats,
            ),
            "GET /api/status": Route(
                summary="Show whether Beeper can be reached, and whether the agent runs",
                query=STATUS_QUERY,
                gives=shapes.Status,
                answer=self.status,
            ),
            "GET /api/health": Route(
                summary="Show whether the API answers",
                role=Role.NONE,
                gives=shapes.Health,
                answer=self.health,
            ),
        }

    def health(self) -> shapes.Health:
        """Answers `GET /api/health`.

        The route is public, so the answer must always be the same. For example, the state of Beeper, or
        of the agent, would show strangers when the owner's computer is switched on.
        """
        return {"status": "ok"}

    def status(self, *, fields: StatusFields) -> shapes.Status:
        """Answers `GET /api/status`."""
        agent = self.agent_lease.read() if self.agent_lease else None
        status: shapes.Status = {
            "origin": _origin(self.beeper_health_store.read()),
            "agent": _agent(agent, self.clock()) if agent else None,
        }
        if fields is StatusFields.ALL:
            accounts = [each.account for each in self.accounts_store.read()]
            status["accounts"] = [
                {"accountId": each.account_id, "network": each.network} for each in accounts
            ]
        return status

    def stats(self) -> shapes.Stats:
        """Answers `GET /api/stats`."""
        accounts = self.accounts_store.read()
        in_need = {each.account.account_id for each in accounts if _meaning_of(each).needs_person}
        counts, waiting = self.cache_counter.count_with_accounts(in_need)
        last_sync = self.last_sync_store.read()
        swept = self.statistics_store.read()
        return {
            "totalCachedImages": counts.images,
            "totalChatsWithImages": counts.chats,
            "totalStorageBytes": counts.bytes,
            "totalStorageMB": round(counts.bytes / 1e6, 2),
            "pending": counts.pending,
            "failed": sum(counts.failed_by_reason.values()),
            "failedByReason": counts.failed_by_reason,
            "orphaned": swept.get("orphaned"),
            "storage": {
                "originalBytes": swept.get("original_bytes"),
                "servedBytes": swept.get("served_bytes"),
            },
            "deduplication": {
                "references": counts.references,
                "images": counts.images,
                "blobs": counts.blobs,
                "downloadsSaved": max(counts.references - counts.images, 0),
                "bytesSaved": counts.bytes_saved,
            },
            "lastSync": {
                "succeededAt": iso8601(last_sync.succeeded_at),
                "completedAt": iso8601(last_sync.completed_at),
            },
            "lastSweep": {
                "finishedAt": iso8601(swept.get("swept_at")),
                "refused": swept.get("refused", []),
                "deleted": swept.get("deleted"),
                "bytesFreed": swept.get("bytes_freed"),
            },
            "origin": _origin(self.beeper_health_store.read()),
            "accounts": [_account(each, waiting) for each in accounts],
        }


def _account(known: AccountSince, waiting: Mapping[str, int]) -> shapes.Account:
    account = known.account
    meaning = _meaning_of(known)
    return {
        "accountId": account.account_id,
        "network": account.network,
        "status": account.status,
        "statusText": account.status_text,
        "since": iso8601(known.since),
        "needsPerson": meaning.needs_person,
        "text": meaning.text,
        "advice": meaning.advice or None,
        "waiting": waiting.get(account.account_id),
    }


def _meaning_of(known: AccountSince) -> StatusMeaning:
    return ACCOUNT_STATUSES[known.account.status]


def _agent(agent: KnownAgent, now: int) -> shapes.Agent:
    return {
        "state": agent.state(now),
        "since": iso8601(agent.since),
        "lastSeenAt": iso8601(agent.seen_at),
    }


def _origin(beeper: BeeperHealth) -> shapes.Origin:
    return {
        "state": beeper.state,
        "since": iso8601(beeper.since),
        "checkedAt": iso8601(beeper.checked_at),
    }
