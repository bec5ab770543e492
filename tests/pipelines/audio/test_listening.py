from dataclasses import replace
from pathlib import Path

import pytest

from agent.pipelines.audio.engines.engine import Request
from agent.pipelines.audio.listening import listen
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.spans import coverage
from agent.pipelines.spoken.transcript import Segment
from tests.pipelines.audio.fake_engine import FakeEngine, everything
from tests.pipelines.spoken.recordings import noisy, spans

ANY = Request(language="en", task="transcribe")


def heard(
    engine: FakeEngine,
    recording: Recording,
    speech: tuple[Span, ...],
    request: Request = ANY,
    batch_size: int = 1,
) -> tuple[Segment, ...]:
    return listen(
        engine, recording, speech, request, batch_size=batch_size, on_position=lambda _: None
    )


def test_a_long_recording_is_heard_in_blocks_that_know_the_text_before(tmp_path: Path) -> None:
    engine = FakeEngine(everything)
    positions: list[float] = []

    segments = listen(
        engine,
        noisy(tmp_path / "r", 700, (589, 590)),
        spans((0, 589), (590, 700)),
        replace(ANY, initial_prompt="Names"),
        batch_size=1,
        on_position=positions.append,
    )

    assert engine.lengths == [pytest.approx(589.5, abs=0.6), pytest.approx(110.5, abs=0.6)]
    assert [one.initial_prompt for one in engine.requests] == ["Names", segments[0].text.strip()]
    assert segments[1].start == pytest.approx(engine.lengths[0])
    assert positions == sorted(positions)


def test_long_pauses_are_skipped_and_short_ones_are_not(tmp_path: Path) -> None:
    engine = FakeEngine(everything)

    heard(engine, noisy(tmp_path / "r", 120), spans((10, 20), (25, 30), (90, 100)))

    assert engine.lengths == [pytest.approx(22), pytest.approx(12)]


def test_what_was_imagined_where_nobody_speaks_is_left_out(tmp_path: Path) -> None:
    engine = FakeEngine(lambda _: (Segment(0, 2, "Real."), Segment(6, 9, "Thanks for watching!")))

    segments = heard(engine, noisy(tmp_path / "r", 10), spans((0, 2)))

    assert [segment.text for segment in segments] == ["Real."]


def test_speech_without_a_word_is_heard_once_more(tmp_path: Path) -> None:
    def first_half(seconds: float) -> tuple[Segment, ...]:
        return (Segment(0, seconds / 2, f"{seconds:.0f}"),)

    engine = FakeEngine(first_half)

    segments = heard(engine, noisy(tmp_path / "r", 20), spans((0, 20)))

    assert engine.lengths == [20, 10]
    assert [(segment.start, segment.end) for segment in segments] == [(0, 10), (10, 15)]


def test_a_gap_shorter_than_a_word_is_not_worth_a_second_look(tmp_path: Path) -> None:
    engine = FakeEngine(lambda seconds: (Segment(0, seconds - 0.9, "word"),))

    heard(engine, noisy(tmp_path / "r", 20), spans((0, 20)))

    assert engine.lengths == [20]


def test_side_by_side_nothing_is_lost_where_the_model_gives_up_early(tmp_path: Path) -> None:
    """The batched pipelines of the libraries lose a tenth of all speech like this."""

    def at_most_eleven_seconds(seconds: float) -> tuple[Segment, ...]:
        return (Segment(0, min(11.0, seconds), f"{seconds:.0f} seconds"),)

    engine = FakeEngine(at_most_eleven_seconds)
    speech = spans((0, 25), (26, 50), (52, 75), (80, 104))

    segments = heard(engine, noisy(tmp_path / "r", 110), speech, batch_size=3)

    covered = (Span(segment.start, segment.end) for segment in segments)
    assert coverage(speech, covered) > 0.99
    assert engine.together[:2] == [3, 1]
    assert [segment.start for segment in segments] == sorted(s.start for s in segments)


def test_a_part_that_loops_is_cut_in_two_and_heard_again(tmp_path: Path) -> None:
    def loops_when_long(seconds: float) -> tuple[Segment, ...]:
        text = "again and again " * 20 if seconds > 15 else f"{seconds:.0f} seconds"
        return (Segment(0, seconds, text),)

    segments = heard(
        FakeEngine(loops_when_long), noisy(tmp_path / "r", 28), spans((0, 28)), batch_size=2
    )

    assert [segment.text for segment in segments] == ["14 seconds", "14 seconds"]


def test_a_part_of_which_nothing_was_heard_is_tried_in_halves_and_then_let_go(
    tmp_path: Path,
) -> None:
    engine = FakeEngine(lambda _: ())

    assert heard(engine, noisy(tmp_path / "r", 28), spans((0, 28)), batch_size=4) == ()
    assert engine.together == [1, 2, 4, 4, 4]
