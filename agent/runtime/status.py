"""Looks at the agent for its owner."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.model.gpu_state import GpuState
from agent.model.ids import Instant, Seconds
from agent.model.snapshot import Contact, GpuLine, HeldBack, Snapshot, Unsettled
from agent.ports import Clocks
from agent.runtime.agent import Agent
from agent.runtime.contact import WatchedServer
from agent.runtime.why_idle import why_idle


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What never changes while this process runs."""

    agent_id: str
    version: str
    pid: int
    server_url: str


class Status:
    """Makes snapshots."""

    def __init__(
        self,
        agent: Agent,
        about: About,
        server: WatchedServer,
        clocks: Clocks,
        *,
        gpus: Callable[[], Sequence[GpuState]],
        settings: Callable[[], Unsettled],
    ) -> None:
        """`gpus` gives what was last seen of them."""
        self._agent = agent
        self._about = about
        self._server = server
        self._clocks = clocks
        self._gpus = gpus
        self._settings = settings
        self._began = clocks.reading().steady

    def look(self) -> Snapshot:
        reading = self._clocks.reading()
        now, agent = reading.steady, self._agent
        board, contact = agent.board, self._contact(now)
        return Snapshot(
            agent_id=self._about.agent_id,
            version=self._about.version,
            pid=self._about.pid,
            at=reading.wall,
            up_for=Seconds(now - self._began),
            contact=contact,
            mode=agent.drain.mode.name.lower(),
            mode_reason=agent.drain.reason,
            slots=agent.policy.slots,
            computing=sum(job.has_slot for job in board.jobs),
            outbox=sum(job.is_in_outbox for job in board.jobs),
            held=tuple(job.line(now) for job in board.jobs),
            restraints=_restraints(agent, now),
            why_idle=why_idle(agent, contact, now),
            gpus=tuple(_gpu_line(state) for state in self._gpus()),
            taken=board.taken,
            ended={ending.value: count for ending, count in sorted(board.ended.items())},
            settings=self._settings(),
        )

    def _contact(self, now: Instant) -> Contact:
        since = self._server.since
        return Contact(
            url=self._about.server_url,
            since=None if since is None else Seconds(now - since),
            trouble=self._server.trouble,
            dialect=self._server.dialect,
        )


def _restraints(agent: Agent, now: Instant) -> tuple[HeldBack, ...]:
    return tuple(
        HeldBack(
            source=source,
            rung=one.rung.name.lower(),
            why=one.why,
            ends_in=None if one.until is None else Seconds(one.until - now),
            devices=tuple(sorted(one.devices or ())),
        )
        for source, one in agent.board.in_force(now)
    )


def _gpu_line(state: GpuState) -> GpuLine:
    return GpuLine(
        index=state.index,
        name=state.name,
        memory_used=state.used,
        memory_total=state.memory,
        utilisation=state.load.compute,
        temperature=state.temperature_c,
        power=state.draw.watts,
    )
