from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

import pytest

from agent.core.backoff import Backoff
from agent.model.errors import (
    CredentialsRefusedError,
    NewerBootError,
    RequestRefusedError,
    ServerError,
    ServerUnavailableError,
)
from agent.model.ids import Instant, Seconds
from agent.runtime.patience import patiently
from tests.core.dice import Highest
from tests.runtime.conftest import Lines
from tests.virtual_time import LoopClock


def backoff(rng: Random | None = None) -> Backoff:
    return Backoff(Seconds(1.0), Seconds(60.0), rng or Highest())


class Caller:
    """Fails with each of `errors` in turn, then answers."""

    def __init__(self, clock: LoopClock, errors: Sequence[ServerError]) -> None:
        self._clock = clock
        self._errors = list(errors)
        self.called_at: list[Instant] = []

    async def __call__(self) -> str:
        self.called_at.append(self._clock.now())
        if self._errors:
            raise self._errors.pop(0)
        return "heard"


def down(retry_after: float | None = None) -> ServerUnavailableError:
    wait = None if retry_after is None else Seconds(retry_after)
    return ServerUnavailableError("connection refused", retry_after=wait)


async def test_an_answer_is_given_back_at_once(clock: LoopClock) -> None:
    assert (
        await patiently(Caller(clock, []), what="poll", clock=clock, backoff=backoff()) == "heard"
    )
    assert clock.now() == 0.0


async def test_pauses_double_up_to_their_cap(clock: LoopClock) -> None:
    caller = Caller(clock, [down() for _ in range(9)])

    await patiently(caller, what="poll", clock=clock, backoff=backoff())

    assert _gaps(caller.called_at) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_pauses_are_jittered_below_that(clock: LoopClock) -> None:
    caller = Caller(clock, [down() for _ in range(9)])

    await patiently(caller, what="poll", clock=clock, backoff=backoff(Random(7)))

    gaps = _gaps(caller.called_at)
    assert all(
        gap <= most for gap, most in zip(gaps, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True)
    )
    assert len(set(gaps)) == 9


async def test_retry_after_lengthens_a_pause_beyond_the_cap(clock: LoopClock) -> None:
    caller = Caller(clock, [down(retry_after=900.0), down(retry_after=0.5)])

    await patiently(caller, what="poll", clock=clock, backoff=backoff())

    assert _gaps(caller.called_at) == [900.0, 2.0]


async def test_a_refused_token_is_tried_again_after_30_s_doubling_to_15_min(
    clock: LoopClock,
) -> None:
    caller = Caller(clock, [CredentialsRefusedError("unknown") for _ in range(7)])

    await patiently(caller, what="poll", clock=clock, backoff=backoff())

    assert _gaps(caller.called_at) == [30, 60, 120, 240, 480, 900, 900]


async def test_every_pause_is_told(clock: LoopClock, lines: Lines) -> None:
    caller = Caller(clock, [down(), down()])

    await patiently(caller, what="hello", clock=clock, backoff=backoff())

    told = [(line["event"], line["retry_in_s"], line["reason"]) for line in lines]
    assert told == [
        ("hello.postponed", 1.0, "connection refused"),
        ("hello.postponed", 2.0, "connection refused"),
    ]


@pytest.mark.parametrize(
    "make_error",
    [
        lambda: NewerBootError("newer", boot_seq=2),
        lambda: RequestRefusedError("a bug"),
    ],
)
async def test_what_waiting_does_not_mend_is_raised_at_once(
    clock: LoopClock, make_error: Callable[[], ServerError]
) -> None:
    error = make_error()
    caller = Caller(clock, [error])

    with pytest.raises(type(error)):
        await patiently(caller, what="poll", clock=clock, backoff=backoff())

    assert caller.called_at == [0.0]


def _gaps(times: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]
