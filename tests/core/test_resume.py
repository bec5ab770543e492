from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.resume import (
    NOTHING_LEFT,
    PART,
    WHOLE,
    Answer,
    Fetch,
    Have,
    Mismatch,
    StartOver,
    TakeFrom,
    Verify,
    is_strong,
    judge,
    plan,
)
from agent.model.ids import Bytes

V1, V2, WEAK = '"v1"', '"v2"', 'W/"v1"'
TEN = Bytes(10)
NOTHING = Have(0, None)
FOUR = Have(4, V1)
FROM_FOUR = Fetch(4, V1)


def part(start: int = 4, *, total: int | None = 10, etag: str | None = V1) -> Answer:
    return Answer(PART, start, None if total is None else Bytes(total), etag)


def whole(*, total: int | None = 10, etag: str | None = V1) -> Answer:
    return Answer(WHOLE, 0, None if total is None else Bytes(total), etag)


def nothing_left(total: int | None) -> Answer:
    return Answer(NOTHING_LEFT, 0, None if total is None else Bytes(total), None)


def test_a_new_input_is_fetched_from_its_first_byte() -> None:
    assert plan(NOTHING, TEN) == Fetch(0, None)


def test_a_cut_input_goes_on_where_it_was_cut() -> None:
    assert plan(FOUR, TEN) == FROM_FOUR


def test_a_whole_input_is_verified_without_asking() -> None:
    assert plan(Have(10, V1), TEN) == Verify()


def test_an_empty_input_needs_no_fetch() -> None:
    assert plan(NOTHING, Bytes(0)) == Verify()


def test_too_many_bytes_are_fetched_again() -> None:
    assert plan(Have(11, V1), TEN) == Fetch(0, None)


@pytest.mark.parametrize("etag", [None, WEAK])
def test_a_version_that_cannot_be_compared_is_fetched_again(etag: str | None) -> None:
    assert plan(Have(4, etag), TEN) == Fetch(0, None)


def test_an_input_of_unknown_size_goes_on_where_it_was_cut() -> None:
    assert plan(FOUR, None) == FROM_FOUR


@pytest.mark.parametrize(("etag", "strong"), [(V1, True), (WEAK, False), (None, False)])
def test_only_a_strong_tag_names_a_version(etag: str | None, *, strong: bool) -> None:
    assert is_strong(etag) is strong


def test_the_asked_part_of_the_same_version_is_taken() -> None:
    assert judge(part(), FROM_FOUR, FOUR, TEN) == TakeFrom(4)


def test_a_part_that_does_not_tell_its_whole_is_taken() -> None:
    assert judge(part(total=None), FROM_FOUR, FOUR, TEN) == TakeFrom(4)


def test_a_part_of_another_version_starts_over() -> None:
    judgement = judge(part(etag=V2), FROM_FOUR, FOUR, TEN)

    assert judgement == StartOver(None, is_open=False, reason="the source changed")


def test_a_part_of_no_known_version_starts_over() -> None:
    judgement = judge(part(etag=None), FROM_FOUR, FOUR, TEN)

    assert judgement == StartOver(None, is_open=False, reason="the source changed")


@pytest.mark.parametrize("start", [0, 3, 5])
def test_another_part_than_asked_starts_over(start: int) -> None:
    judgement = judge(part(start), FROM_FOUR, FOUR, TEN)

    assert judgement == StartOver(
        None, is_open=False, reason="the source sent another range than asked"
    )


@pytest.mark.parametrize("have", [NOTHING, Have(4, WEAK)])
def test_a_part_from_the_first_byte_replaces_what_is_there(have: Have) -> None:
    judgement = judge(part(0), Fetch(0, None), have, TEN)

    assert judgement == StartOver(V1, is_open=True, reason="first bytes")


def test_the_first_answer_names_the_version() -> None:
    judgement = judge(whole(), Fetch(0, None), NOTHING, TEN)

    assert judgement == StartOver(V1, is_open=True, reason="first bytes")


def test_everything_instead_of_a_part_starts_over_with_the_open_answer() -> None:
    judgement = judge(whole(etag=V2), FROM_FOUR, FOUR, TEN)

    assert judgement == StartOver(V2, is_open=True, reason="the source sends everything again")


@pytest.mark.parametrize("answer", [whole(total=11), whole(total=9)])
def test_another_size_than_promised_is_a_mismatch(answer: Answer) -> None:
    judgement = judge(answer, Fetch(0, None), NOTHING, TEN)

    assert judgement == Mismatch(f"the source holds {answer.total} bytes, 10 were promised")


def test_a_part_of_another_whole_than_promised_is_a_mismatch() -> None:
    assert isinstance(judge(part(total=11), FROM_FOUR, FOUR, TEN), Mismatch)


def test_a_source_that_does_not_tell_its_size_is_believed() -> None:
    assert isinstance(judge(whole(total=None), Fetch(0, None), NOTHING, TEN), StartOver)


def test_nothing_left_of_what_is_all_there_is_verified() -> None:
    assert judge(nothing_left(4), FROM_FOUR, FOUR, None) == Verify()


def test_nothing_left_of_an_unknown_whole_is_verified() -> None:
    assert judge(nothing_left(None), FROM_FOUR, FOUR, None) == Verify()


@pytest.mark.parametrize("total", [3, 5, 10])
def test_nothing_left_of_another_whole_starts_over(total: int) -> None:
    judgement = judge(nothing_left(total), FROM_FOUR, FOUR, None)

    assert isinstance(judgement, StartOver)
    assert not judgement.is_open


def test_nothing_left_before_the_promised_size_starts_over() -> None:
    assert isinstance(judge(nothing_left(None), FROM_FOUR, FOUR, TEN), StartOver)


def test_nothing_left_of_nothing_starts_over() -> None:
    assert isinstance(judge(nothing_left(0), Fetch(0, None), NOTHING, None), StartOver)


@dataclass(frozen=True)
class Mood:
    """How the source answers one request, within or against RFC 9110."""

    cut_after: int = 99
    changes: bool = False
    """Before it answers, the file becomes another one."""
    ignores_range: bool = False
    ignores_if_range: bool = False
    shifts_by: int = 0
    hides_etag: bool = False
    is_weak: bool = False
    hides_total: bool = False
    refuses_range: bool = False


MOODS = st.lists(
    st.builds(
        Mood,
        cut_after=st.integers(0, 12),
        changes=st.booleans(),
        ignores_range=st.booleans(),
        ignores_if_range=st.booleans(),
        shifts_by=st.integers(-2, 2),
        hides_etag=st.booleans(),
        is_weak=st.booleans(),
        hides_total=st.booleans(),
        refuses_range=st.booleans(),
    ),
    max_size=8,
)
GOOD = Mood()


class Source:
    """A file that changes under its reader: byte i of version v is never byte i of another."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.version = 0

    @property
    def content(self) -> bytes:
        return bytes((self.version * 16 + place) % 256 for place in range(self.size))

    @property
    def etag(self) -> str:
        return f'"{self.version}"'

    def answer(self, fetch: Fetch, mood: Mood) -> tuple[Answer, bytes]:
        self.version += mood.changes
        etag = None if mood.hides_etag else f"W/{self.etag}" if mood.is_weak else self.etag
        total = None if mood.hides_total else Bytes(self.size)
        is_same = mood.ignores_if_range or fetch.etag == self.etag
        start = fetch.offset
        if not start or mood.ignores_range or not is_same:
            return Answer(WHOLE, 0, total, etag), self.content[: mood.cut_after]
        if mood.refuses_range or start >= self.size:
            return Answer(NOTHING_LEFT, 0, total, None), b""
        start = min(self.size - 1, max(1, start + mood.shifts_by))
        return Answer(PART, start, total, etag), self.content[start : start + mood.cut_after]


class Reader:
    """Follows the orders of `plan` and `judge` and nothing else."""

    def __init__(self, size: Bytes | None) -> None:
        self.size = size
        self.bytes = b""
        self.etag: str | None = None
        self.is_done = False

    @property
    def have(self) -> Have:
        return Have(len(self.bytes), self.etag)

    def step(self, source: Source, mood: Mood) -> None:
        order = plan(self.have, self.size)
        if isinstance(order, Verify):
            self.is_done = True
            return
        answer, body = source.answer(order, mood)
        match judge(answer, order, self.have, self.size):
            case Verify():
                self.is_done = True
            case TakeFrom(offset):
                assert offset == len(self.bytes)
                self.bytes += body
            case StartOver(etag, is_open):
                self.bytes, self.etag = body if is_open else b"", etag
            case Mismatch():
                raise AssertionError("this source never holds another size")


@settings(max_examples=300)
@given(size=st.integers(1, 10), is_size_known=st.booleans(), moods=MOODS)
def test_no_sequence_of_answers_mixes_two_versions(
    size: int, moods: list[Mood], *, is_size_known: bool
) -> None:
    source, reader = Source(size), Reader(Bytes(size) if is_size_known else None)

    for mood in moods:
        reader.step(source, mood)

        versions = {(byte - place) // 16 for place, byte in enumerate(reader.bytes)}
        assert len(versions) <= 1


@settings(max_examples=300)
@given(size=st.integers(1, 10), moods=MOODS)
def test_any_sequence_of_cuts_yields_the_source_byte_for_byte(size: int, moods: list[Mood]) -> None:
    source, reader = Source(size), Reader(Bytes(size))
    for mood in moods:
        reader.step(source, mood)
    before = source.version

    for _ in range(3):
        reader.step(source, GOOD)

    assert reader.is_done
    assert reader.bytes in [content_of(source, version) for version in range(before + 1)]


@given(size=st.integers(1, 40), cuts=st.lists(st.integers(1, 9), max_size=8))
def test_no_byte_of_an_unchanged_source_is_fetched_twice(size: int, cuts: list[int]) -> None:
    source, reader = Source(size), Reader(Bytes(size))

    for cut in cuts:
        reader.step(source, replace(GOOD, cut_after=cut))

    assert reader.bytes == source.content[: sum(cuts)]


def content_of(source: Source, version: int) -> bytes:
    old = Source(source.size)
    old.version = version
    return old.content
