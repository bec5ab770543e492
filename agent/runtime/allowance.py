"""What this box grants one download: a size, a place on the disk, and its time."""

from agent.core.fetch_admission import HandBack, View, admit, too_slow
from agent.model.errors import JobReturnedError
from agent.model.ids import Bytes, Instant, Seconds
from agent.runtime.tools import Policy, Tools

LOOK_EVERY = 16 * 1024 * 1024
"""Bytes between two looks at an input whose size nobody knows: is there still room for it?"""


class Allowance:
    def __init__(self, tools: Tools, policy: Policy) -> None:
        self._tools = tools
        self._policy = policy
        self._deadline = Instant(tools.clock.now() + policy.download_timeout)
        self._next_look = 0

    async def run_out(self) -> None:
        """Return when the time is over."""
        await self._tools.clock.sleep_until(self._deadline)

    def check(self, size: Bytes | None, have: Bytes) -> None:
        """Raise `JobReturnedError` when what is missing of `size` may not be fetched."""
        awaited, policy = self._tools.awaited, self._policy
        awaited.note(self, max(0, (size or 0) - have))
        self._next_look = have + LOOK_EVERY
        decision = admit(
            View(
                size=size,
                have=have,
                largest=policy.max_input,
                disk_free=self._tools.spool.free(),
                disk_reserve=policy.disk_reserve,
                awaited=awaited.besides(self),
                time_left=Seconds(self._deadline - self._tools.clock.now()),
                time_given=policy.download_timeout,
            )
        )
        if isinstance(decision, HandBack):
            raise JobReturnedError(decision.reason)

    def check_growth(self, have: Bytes) -> None:
        """The same for an input of unknown size, which is at least what came of it."""
        if have > self._policy.max_input or have >= self._next_look:
            self.check(None, have)

    def used_up(self, have: Bytes) -> JobReturnedError:
        return JobReturnedError(too_slow(have, self._policy.download_timeout).reason)

    def close(self) -> None:
        """The download has ended: it awaits nothing any more."""
        self._tools.awaited.forget(self)
