from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.spans import Places, coverage, packed, total, uncovered, united
from tests.pipelines.spoken.recordings import pairs, spans

MOMENT = st.integers(0, 400).map(lambda tenths: tenths / 10)
SPAN = st.builds(lambda start, length: Span(start, start + length), MOMENT, MOMENT)
SPANS = st.lists(SPAN, max_size=8)


def test_what_meets_becomes_one_and_so_does_what_is_close() -> None:
    assert pairs(united(spans((3, 4), (0, 1), (1, 2)))) == [(0, 2), (3, 4)]
    assert pairs(united(spans((0, 1), (1.5, 2), (4, 5)), gap=0.5)) == [(0, 2), (4, 5)]
    assert pairs(united(spans((0, 9), (1, 2)))) == [(0, 9)]


def test_what_is_left_over_lies_between_beside_and_around_the_covers() -> None:
    wanted = spans((0, 10), (20, 30))

    assert pairs(uncovered(wanted, spans((2, 3), (8, 22)))) == [(0, 2), (3, 8), (22, 30)]
    assert uncovered(wanted, spans((0, 40))) == ()
    assert uncovered(wanted, ()) == wanted


def test_coverage_is_a_share_and_whole_where_nothing_is_wanted() -> None:
    assert coverage(spans((0, 10)), spans((0, 2), (1, 4))) == 0.4
    assert coverage((), spans((0, 2))) == 1.0


@given(SPANS, SPANS)
def test_covered_and_left_over_make_up_the_whole(wanted: list[Span], covers: list[Span]) -> None:
    whole = united(wanted)
    rest = uncovered(whole, covers)

    covered = sum(span.overlap(cover) for span in whole for cover in united(covers))
    assert abs(total(rest) + covered - total(whole)) < 1e-6
    assert all(one.overlap(cover) < 1e-9 for one in rest for cover in covers)


@given(SPANS, st.integers(1, 30), st.integers(0, 5))
def test_packed_stretches_hold_everything_and_are_no_longer_than_need_be(
    speech: list[Span], longest: int, pause: int
) -> None:
    parts = united(speech)

    found = packed(parts, longest, pause)

    assert all(stretch.length <= longest or stretch in parts for stretch in found)
    assert total(uncovered(parts, found)) < 1e-6
    assert all(gap.length <= pause for gap in uncovered(found, parts))
    assert list(found) == sorted(found, key=lambda span: span.start)


def test_places_tell_what_lies_within() -> None:
    places = Places(spans((0, 2), (4, 6), (8, 9)))

    assert pairs(places.within(Span(1, 4.5))) == [(0, 2), (4, 6)]
    assert not places.touched_by(Span(2, 4))
    assert places.touched_by(Span(0.5, 0.6))
