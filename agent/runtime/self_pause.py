"""Carries what the breaker says to the pool, the display and the log."""

import structlog

from agent.core.breaker import Breaker, Paused, Probing, Trust, Trusted
from agent.runtime.tools import Tools

_log = structlog.get_logger(__name__)


class SelfPause:
    def __init__(self, tools: Tools, breaker: Breaker) -> None:
        self._tools = tools
        self._breaker = breaker
        self._followed: Trust = Trusted(None)

    @property
    def is_behind(self) -> bool:
        return self._breaker.trust(self._tools.clock.now()) != self._followed

    async def follow(self) -> None:
        """Do and say what the breaker's state asks for, once for each state."""
        while self.is_behind:
            before = self._followed
            trust = self._followed = self._breaker.trust(self._tools.clock.now())
            match trust:
                case Paused():
                    await self._pause(trust)
                case Probing(why):
                    _log.info("agent.probing", reason=why)
                    self._tools.display.paused(why)
                    await self._wake()
                case Trusted():
                    if not isinstance(before, Trusted):
                        _log.info("agent.resumed")
                        self._tools.display.paused(None)
                    if isinstance(before, Paused):  # a job that was begun before has succeeded
                        await self._wake()

    async def _pause(self, trust: Paused) -> None:
        left = trust.until - self._tools.clock.now()
        _log.warning("agent.paused", reason=trust.why, resumes_in_s=round(left))
        self._tools.display.paused(trust.why)
        await self._tools.pool.rest()

    async def _wake(self) -> None:
        broken = await self._tools.pool.probe()
        if broken is not None:
            self._breaker.on_box_fault(broken, self._tools.clock.now())
