"""Calls that are repeated until the server answers them."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from agent.core.backoff import Backoff, SteadyBackoff
from agent.model.errors import CredentialsRefusedError, ServerUnavailableError
from agent.model.ids import Instant, Seconds
from agent.ports import Clock

T = TypeVar("T")

CREDENTIALS_BACKOFF = SteadyBackoff(Seconds(30.0), Seconds(15 * 60.0))
"""A refused token is a person's to mend: no hammering, and nothing is thrown away meanwhile."""

_log = structlog.get_logger(__name__)


async def patiently(
    call: Callable[[], Awaitable[T]], *, what: str, clock: Clock, backoff: Backoff
) -> T:
    """Repeat `call` while the server cannot be reached or refuses our token: days, if need be."""

    async def asked() -> T:
        return await call()

    def pause(state: RetryCallState) -> float:
        return _pause(_error(state), state.attempt_number - 1, backoff)

    def tell(state: RetryCallState) -> None:
        # Nothing that waits may do so silently.
        _log.warning(
            f"{what}.postponed",
            reason=str(_error(state)),
            retry_in_s=round(state.upcoming_sleep, 1),
        )

    async def sleep(seconds: float) -> None:
        await clock.sleep_until(Instant(clock.now() + seconds))

    retrying = AsyncRetrying(
        retry=retry_if_exception_type((ServerUnavailableError, CredentialsRefusedError)),
        wait=pause,
        sleep=sleep,
        before_sleep=tell,
        reraise=True,
    )
    return await retrying(asked)


def _pause(error: BaseException | None, failures: int, backoff: Backoff) -> Seconds:
    if isinstance(error, CredentialsRefusedError):
        return CREDENTIALS_BACKOFF.delay(failures)
    retry_after = error.retry_after if isinstance(error, ServerUnavailableError) else None
    return backoff.delay(failures, retry_after)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
