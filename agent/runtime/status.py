"""Looks at the agent for its owner."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.model.ids import Bytes, Instant, JsonValue, Seconds
from agent.model.snapshot import Contact, GpuLine, HeldBack, Snapshot, Unsettled
from agent.ports import Clocks
from agent.runtime.agent import Agent
from agent.runtime.contact import WatchedServer
from agent.runtime.why_idle import why_idle

GPU_MAX_AGE = Seconds(1.0)
"""A driver is asked no more often, however many watch."""


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
        gpus: Callable[[], JsonValue],
        settings: Callable[[], Unsettled],
    ) -> None:
        """`gpus` gives the readings as the server is told them."""
        self._agent = agent
        self._about = about
        self._server = server
        self._clocks = clocks
        self._gpus = gpus
        self._settings = settings
        self._began = clocks.reading().steady
        self._gpu_lines: tuple[GpuLine, ...] = ()
        self._gpus_at: Instant | None = None

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
            gpus=self._gpus_now(now),
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
        )

    def _gpus_now(self, now: Instant) -> tuple[GpuLine, ...]:
        if self._gpus_at is None or now - self._gpus_at >= GPU_MAX_AGE:
            self._gpu_lines, self._gpus_at = gpu_lines(self._gpus()), now
        return self._gpu_lines


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


def gpu_lines(readings: JsonValue) -> tuple[GpuLine, ...]:
    """What the readings say, whatever a driver leaves out."""
    given: Sequence[JsonValue] = readings if isinstance(readings, list) else []
    return tuple(
        _gpu_line(index, reading)
        for index, reading in enumerate(given)
        if isinstance(reading, Mapping)
    )


def _gpu_line(index: int, reading: Mapping[str, JsonValue]) -> GpuLine:
    def number(key: str) -> float | None:
        match reading.get(key):
            case bool():
                return None
            case int() | float() as value:
                return float(value)
            case _:
                return None

    def size(key: str) -> Bytes | None:
        value = number(key)
        return None if value is None else Bytes(int(value))

    name, own_index = reading.get("name"), number("index")
    return GpuLine(
        index=index if own_index is None else int(own_index),
        name=name if isinstance(name, str) else None,
        memory_used=size("memory_used_bytes"),
        memory_total=size("memory_total_bytes"),
        utilisation=number("utilisation_percent"),
        temperature=number("temperature_c"),
        power=number("power_w"),
    )
