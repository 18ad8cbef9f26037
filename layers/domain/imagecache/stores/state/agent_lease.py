"""The row `agent` of syncState: which agent works for the stack, and when it was last seen."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pynamodb.expressions.update import Action

from imagecache.model.agent import KnownAgent
from imagecache.stores.dynamodb import bound, updated
from imagecache.stores.state.row import StateRow, read_row, read_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "agent"


class AgentLease:
    """The lease by which only one agent works at a time. All times are in ms.

    The lease saves work, and nothing depends on it: images are claimed, and sync has a lock and a fence. Two
    agents whose clocks differ by minutes do no harm.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def take(self, agent_id: str, host: str, *, now: int, lease_ms: int) -> bool:
        """Takes the lease, or renews it. Returns False, and changes nothing, if another agent has it.

        `agent_id` is the same for all processes that work for this stack from one folder, of which only one
        runs at a time. So an agent that was killed and started again does not wait for its own lease.
        """
        row = read_row(self._row, _NAME)
        before = KnownAgent(**(row.value or {}))
        since = before.since if row.holder == agent_id and not before.stopped else now
        free = (
            StateRow.held_until.does_not_exist() | (StateRow.held_until < now) | (StateRow.holder == agent_id)
        )
        agent = KnownAgent(host=host, since=since, seen_at=now)
        take = [
            StateRow.holder.set(agent_id),
            StateRow.held_until.set(now + lease_ms),
            StateRow.value.set(asdict(agent)),
        ]
        return updated(self._row(_NAME), take, free)

    def give_back(self, agent_id: str, *, now: int) -> None:
        """Ends the lease, so that another agent can take it at once. Does nothing if it has been taken."""
        agent = asdict(self.read()) | {"seen_at": now, "stopped": True}
        give: list[Action] = [StateRow.held_until.remove(), StateRow.value.set(agent)]
        updated(self._row(_NAME), give, StateRow.holder == agent_id)

    def read(self) -> KnownAgent:
        """Returns the agent that has, or last had, the lease."""
        value: dict[str, Any] = read_value(self._row, _NAME)
        return KnownAgent(**value)
