"""Where a download goes on: from what the spool holds and what the source answers.

    plan(have, size)            -> Fetch | Verify
    judge(opened, fetch, have)  -> TakeFrom | StartOver | Verify | Mismatch

The law: any sequence of cuts yields the source byte for byte, and never mixes two versions of it.
"""

from dataclasses import dataclass

from agent.model.ids import Bytes


@dataclass(frozen=True, slots=True)
class Have:
    """The bytes so far, and the version of the source that they came from."""

    length: int
    etag: str | None


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask for everything from `offset` on, if the source is still `etag`."""

    offset: int
    etag: str | None


@dataclass(frozen=True, slots=True)
class Verify:
    """Nothing is left to fetch: compare size and digest."""


@dataclass(frozen=True, slots=True)
class TakeFrom:
    """The bytes that follow belong at `offset`."""

    offset: int


@dataclass(frozen=True, slots=True)
class StartOver:
    """Throw away what is there. The answer that is open begins at byte 0 if `is_open`."""

    etag: str | None
    is_open: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The source holds something else than was promised."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the source says about the bytes that it is about to send."""

    status: int
    start: int
    total: Bytes | None
    etag: str | None


WHOLE = 200
PART = 206
NOTHING_LEFT = 416

Step = Fetch | Verify
Judgement = TakeFrom | StartOver | Verify | Mismatch


def plan(have: Have, size: Bytes | None) -> Step:
    """What to ask for next; `size` is the promised one."""
    if size is not None and have.length == size:
        return Verify()
    if size is not None and have.length > size:
        return Fetch(0, None)
    if have.length and not is_strong(have.etag):
        return Fetch(0, None)
    return Fetch(have.length, have.etag)


def judge(answer: Answer, fetch: Fetch, have: Have, size: Bytes | None) -> Judgement:
    """What to do with the source's answer to `fetch`."""
    if answer.status == NOTHING_LEFT:
        whole = size if answer.total is None else answer.total
        if have.length and whole in {None, have.length}:
            return Verify()
        return StartOver(None, is_open=False, reason="the source has not what we hold")
    if size is not None and answer.total is not None and answer.total != size:
        return Mismatch(f"the source holds {answer.total} bytes, {size} were promised")
    if answer.status == PART:
        return _judge_part(answer, fetch)
    if not have.length:
        return StartOver(answer.etag, is_open=True, reason="first bytes")
    return StartOver(answer.etag, is_open=True, reason="the source sends everything again")


def _judge_part(answer: Answer, fetch: Fetch) -> Judgement:
    if answer.start != fetch.offset:
        return StartOver(None, is_open=False, reason="the source sent another range than asked")
    if not fetch.offset:
        return StartOver(answer.etag, is_open=True, reason="first bytes")
    # RFC 9110, section 15.3.7: a 206 names its version; one that does not may be any.
    if answer.etag != fetch.etag:
        return StartOver(None, is_open=False, reason="the source changed")
    return TakeFrom(fetch.offset)


def is_strong(etag: str | None) -> bool:
    """May the tag be used to go on (RFC 9110, section 8.8.1)."""
    return etag is not None and not etag.startswith("W/")
