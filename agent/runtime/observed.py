"""A server whose every call is counted, and promised to end: what no call may do is hang."""

from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from agent.core.vitality import Vitality
from agent.model.errors import (
    CredentialsRefusedError,
    LeaseLostError,
    NewerBootError,
    ServerError,
    ServerUnavailableError,
)
from agent.model.failures import FailureCode
from agent.model.ids import LeaseId, Seconds
from agent.model.lease import Renewal
from agent.ports import Ask, Introduction, JobServer, Observer, PollResult, Report, Result, Terms

T = TypeVar("T")

LONGEST_CALL = Seconds(120.0)
"""Twice what any call but a poll may take before its own deadline ends it."""
LONGEST_SILENCE = Seconds(20 * 60.0)
"""No pause between two calls is longer than 15 min: a Retry-After, a token that is refused."""


class ObservedServer:
    """The calls of a `JobServer`."""

    def __init__(self, server: JobServer, vitality: Vitality, observer: Observer) -> None:
        self._server = server
        self._vitality = vitality
        self._observer = observer

    async def hello(self, who: Introduction) -> Terms:
        return await self._seen("hello", self._server.hello(who))

    async def poll(self, ask: Ask) -> PollResult:
        within = Seconds(ask.wait + LONGEST_CALL)
        with self._promised("poll", "poll", within), self._failures("poll"):
            result = await self._server.poll(ask)
        if result.offer is not None:
            self._observer.call_ended("poll", "offer")
        else:
            self._observer.call_ended("poll", "nothing", ask.why_idle or _why_nothing(result))
        return result

    async def renew(self, lease_id: LeaseId, report: Report) -> Renewal:
        return await self._seen("renew", self._server.renew(lease_id, report), about=lease_id)

    async def complete(self, lease_id: LeaseId, result: Result) -> None:
        await self._seen("complete", self._server.complete(lease_id, result), about=lease_id)

    async def fail(self, lease_id: LeaseId, code: FailureCode, message: str, detail: str) -> None:
        call = self._server.fail(lease_id, code, message, detail)
        await self._seen("fail", call, about=lease_id)

    async def release(self, lease_id: LeaseId, reason: str, retry_after: Seconds | None) -> None:
        call = self._server.release(lease_id, reason, retry_after)
        await self._seen("release", call, about=lease_id)

    async def sign_off(self, keep: Sequence[LeaseId]) -> None:
        await self._seen("sign_off", self._server.sign_off(keep))

    async def _seen(self, call: str, answer: Awaitable[T], *, about: str = "") -> T:
        with self._promised(f"{call} {about}", call, LONGEST_CALL), self._failures(call):
            answered = await answer
        self._observer.call_ended(call, "answered")
        return answered

    @contextmanager
    def _failures(self, call: str) -> Iterator[None]:
        try:
            yield
        except ServerError as error:
            self._observer.call_ended(call, _word(error), str(error))
            raise

    @contextmanager
    def _promised(self, sign: str, call: str, within: Seconds) -> Iterator[None]:
        self._vitality.promise(sign, within, f"the call {call} does not end")
        try:
            yield
        finally:
            self._vitality.dismiss(sign)
            # Polls, or renewals while nothing new is taken: some call is always about to be made.
            self._vitality.promise("silence", LONGEST_SILENCE, "the server is asked nothing more")


def _why_nothing(result: PollResult) -> str:
    skipped = ", ".join(f"{count} {why}" for why, count in sorted(result.skipped.items()))
    return f"the waiting jobs are not for us: {skipped}" if skipped else "no job is waiting"


def _word(error: ServerError) -> str:
    match error:
        case ServerUnavailableError():
            return "unavailable"
        case CredentialsRefusedError():
            return "token_refused"
        case LeaseLostError():
            return "lease_lost"
        case NewerBootError():
            return "newer_boot"
        case _:
            return "refused"
