"""A snapshot as people see it: the same lines on a terminal, in a pipe, and in a narrow window."""

from collections.abc import Iterator
from datetime import tzinfo
from typing import TYPE_CHECKING

from agent.cli.durations import at_time, in_time
from agent.edges.display import printable
from agent.model.ids import Seconds
from agent.model.snapshot import GpuLine, HeldBack, HeldLine, Snapshot, WhyIdle

if TYPE_CHECKING:
    # rich costs 40 ms: importing this module stays cheap.
    from rich.console import Console, Group
    from rich.text import Text

LABEL = 10
"""Columns of the words on the left."""
LONGEST_BAR = 30
WARM, BAD, QUIET = "yellow", "red", "dim"
UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


class View:
    """Lays out one snapshot after the other."""

    def __init__(self, console: "Console", zone: tzinfo | None = None) -> None:
        """`zone`: None is the local one."""
        self._console = console
        self._width = console.width
        is_ascii = console.options.ascii_only
        self._full, self._empty = "#." if is_ascii else "█░"
        self._degree = " C" if is_ascii else " °C"
        self._zone = zone

    def of(self, snapshot: Snapshot) -> "Group":
        from rich.console import Group

        return Group(*(line for one in self._lines(snapshot) for line in self._folded(*one)))

    def _folded(self, label: str, text: str, style: str) -> "Iterator[Text]":
        """No line is cut: a narrow window folds it. File names and the like are others' words."""
        from rich.text import Text

        room = max(1, self._width - LABEL - 1)
        for line in Text(printable(text), style=style).wrap(self._console, room, overflow="fold"):
            line.rstrip()
            yield Text.assemble((f"{label:<{LABEL}}", QUIET), line)
            label = ""

    def _lines(self, now: Snapshot) -> Iterator[tuple[str, str, str]]:
        """Label, text and style."""
        yield "agent", f"{now.agent_id}, version {now.version}, up {in_time(now.up_for)}", ""
        yield self._server(now)
        yield "state", self._state(now), ""
        if now.why_idle is not None:
            yield "idle", self._why(now.why_idle, now), WARM
        for one in _untold(now):
            yield "held back", self._restraint(one, now), WARM
        for gpu in now.gpus:
            yield from self._gpu(gpu)
        for job in now.held:
            yield from self._job(job)
        if now.taken:
            yield "so far", _tally(now), ""
        if now.settings.problem is not None:
            why = f"the file cannot be used, the older ones hold: {now.settings.problem}"
            yield "settings", why, BAD
        if now.settings.need_restart:
            names = ", ".join(now.settings.need_restart)
            yield "settings", f"changed, and in force after a restart: {names}", WARM

    def _server(self, now: Snapshot) -> tuple[str, str, str]:
        contact = now.contact
        url = f"{contact.url} (a MoRAG)" if contact.dialect == "morag" else contact.url
        if contact.since is None:
            return "server", f"{url}, has not answered yet", WARM
        lasts = in_time(contact.since)
        if contact.trouble is None:
            return "server", f"{url}, connected for {lasts}", ""
        # Once is enough: an idle agent says it in the line of its reasons.
        is_told = now.why_idle is not None and now.why_idle.server == contact.trouble
        why = "" if is_told else f": {contact.trouble}"
        return "server", f"{url}, in trouble for {lasts}{why}", BAD

    def _state(self, now: Snapshot) -> str:
        reason = f" ({now.mode_reason})" if now.mode_reason else ""
        waiting = f", {now.outbox} in the outbox" if now.outbox else ""
        slots = "slot" if now.slots == 1 else "slots"
        mode = "paused" if now.mode == "running" and now.restraints else now.mode
        return f"{mode}{reason}, {now.computing} of {now.slots} {slots} computing{waiting}"

    def _why(self, why: WhyIdle, now: Snapshot) -> str:
        reasons = "; ".join(filter(None, (why.local, why.server)))
        return f"{reasons}; {why.change}{self._when(why.change_in, now)}"

    def _restraint(self, one: HeldBack, now: Snapshot) -> str:
        rung = one.rung.replace("_", " ")
        return f"{one.why} ({rung}){self._when(one.ends_in, now)}"

    def _when(self, in_s: Seconds | None, now: Snapshot) -> str:
        if in_s is None:
            return ""
        return f" (at {at_time(now.at + in_s, now.at, self._zone)}, in {in_time(in_s)})"

    def _gpu(self, gpu: GpuLine) -> Iterator[tuple[str, str, str]]:
        told = [gpu.name or "NVIDIA"]
        if gpu.temperature is not None:
            told.append(f"{gpu.temperature:.0f}{self._degree}")
        if gpu.power is not None:
            told.append(f"{gpu.power:.0f} W")
        yield f"GPU {gpu.index}", ", ".join(told), ""
        if gpu.memory_used is not None and gpu.memory_total:
            share = gpu.memory_used / gpu.memory_total
            sizes = f"{_size(gpu.memory_used)} of {_size(gpu.memory_total)}"
            yield "", f"memory {self._bar(share, len(sizes) + 8)} {sizes}", ""
        if gpu.utilisation is not None:
            bar = self._bar(gpu.utilisation / 100, 13)
            yield "", f"load   {bar} {gpu.utilisation:3.0f} %", ""

    def _job(self, job: HeldLine) -> Iterator[tuple[str, str, str]]:
        yield "job", f"{job.job_id} {job.filename}", "bold"
        kind = f"{job.content_type}, attempt {job.attempt}, held for {in_time(job.held_for)}"
        yield "", f"{kind}, {_lease(job)}", ""
        said = f": {job.message}" if job.message else f" for {in_time(job.in_stage_for)}"
        yield "", f"{self._bar(job.progress, 6)} {job.progress:4.0%}", ""
        yield "", f"{job.stage}{said}", ""
        if job.moved is not None:
            yield "", _transfer(job), ""

    def _bar(self, share: float, taken: int) -> str:
        """As long as the line has room for, beside `taken` columns."""
        length = max(4, min(LONGEST_BAR, self._width - LABEL - taken - 1))
        full = round(min(1.0, max(0.0, share)) * length)
        return self._full * full + self._empty * (length - full)


def _untold(now: Snapshot) -> tuple[HeldBack, ...]:
    """What holds back besides that which makes it idle."""
    why = now.why_idle
    told = () if why is None else (why.local, why.server)
    return tuple(one for one in now.restraints if one.why not in told)


def _lease(job: HeldLine) -> str:
    if job.lease_left is None:
        return "not accepted yet"
    if job.lease_left < 0:
        return f"its lease ran out {in_time(-job.lease_left)} ago"
    return f"lease for {in_time(job.lease_left)} more"


def _transfer(job: HeldLine) -> str:
    of = f" of {_size(job.to_move)}" if job.to_move else ""
    rate = f" at {_size(job.rate)}/s" if job.rate is not None else ""
    return f"{_size(job.moved or 0)}{of}{rate}"


def _tally(now: Snapshot) -> str:
    """`12 taken: 10 completed, 1 failed`."""
    ended = ", ".join(f"{count} {how}" for how, count in now.ended.items())
    return f"{now.taken} taken{': ' + ended if ended else ''}"


def _size(size: float) -> str:
    for name, unit in UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size:.0f} B"
