import heapq

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.pacing import CREDIT, Pacer
from agent.model.ids import Instant

RATES = st.integers(1024, 200_000_000)


def sent_by(
    rate: int, chunks: list[int], seconds: float, late: float = 0.0
) -> list[tuple[float, int, int]]:
    """What transfers that always want to send have sent: when, who, how much.

    Each has chunks of its own size, and is woken `late` after its time.
    """
    pacer, sent = Pacer(rate), list[tuple[float, int, int]]()
    waiting = [(0.0, who, 0) for who in range(len(chunks))]
    while waiting:
        now, who, left = heapq.heappop(waiting)
        if now > seconds:
            continue
        left = left or chunks[who]
        size = min(left, pacer.piece)
        when = pacer.reserve(size, Instant(now))
        sent.append((when, who, size))
        heapq.heappush(waiting, (when + late if when > now else now, who, left - size))
    return sorted(sent)


def fastest_second(sent: list[tuple[float, int, int]]) -> int:
    most, total, first = 0, 0, 0
    for when, _, size in sent:
        total += size
        while sent[first][0] <= when - 1:
            total -= sent[first][2]
            first += 1
        most = max(most, total)
    return most


@settings(deadline=None, max_examples=60)
@given(RATES, st.lists(st.integers(1, 1 << 18), min_size=1, max_size=4))
def test_no_second_brings_twice_the_limit(rate: int, chunks: list[int]) -> None:
    chunks = [max(chunk, rate // 200) for chunk in chunks]  # else the test takes too long

    assert fastest_second(sent_by(rate, chunks, 5)) <= 2 * rate


@settings(deadline=None, max_examples=60)
@given(RATES, st.floats(0, 0.02))
def test_half_a_minute_brings_the_limit(rate: int, late: float) -> None:
    piece = Pacer(rate).piece
    late = min(late, piece / rate)  # a loop that is later than that cannot keep up with any pacer
    sent = sent_by(rate, [piece], min(30, 20_000 * piece / rate), late)
    span = sent[-1][0]

    assert sum(size for *_, size in sent) == pytest.approx(rate * span, rel=0.05, abs=2 * piece)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(64 * 1024, 10_000_000),
    st.lists(st.integers(10, 1 << 18), min_size=2, max_size=4),
)
def test_transfers_share_the_limit_evenly_whatever_their_chunks(
    rate: int, chunks: list[int]
) -> None:
    piece = Pacer(rate).piece
    chunks = [max(chunk, piece) // piece * piece for chunk in chunks]
    sent = sent_by(rate, chunks, 5)
    each = [sum(size for _, who, size in sent if who == one) for one in range(len(chunks))]

    assert max(each) - min(each) <= rate * CREDIT + 2 * piece


def test_an_hour_of_rest_is_not_made_up_for() -> None:
    pacer = Pacer(16_000)
    pacer.reserve(1000, Instant(0.0))

    at_once = 0
    while pacer.reserve(1000, Instant(3600.0)) == 3600.0:
        at_once += 1000

    assert at_once <= 16_000 * CREDIT + 1000


@given(RATES, st.lists(st.tuples(st.integers(1, 1 << 16), st.floats(0, 10)), max_size=30))
def test_time_is_never_given_twice(rate: int, asked: list[tuple[int, float]]) -> None:
    pacer, now, last = Pacer(rate), 0.0, 0.0

    for size, step in asked:
        now += step
        when = pacer.reserve(size, Instant(now))
        assert when >= now
        assert when >= last
        last = when
