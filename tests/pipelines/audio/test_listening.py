from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.pipelines.audio.engines.engine import Request
from agent.pipelines.audio.listening import Listener
from agent.pipelines.spoken.recording import Recording, Samples
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
    return Listener(engine, recording, request, batch_size).listen(speech, speech, lambda _: None)


def test_a_long_recording_is_heard_in_blocks_that_know_the_text_before(tmp_path: Path) -> None:
    engine = FakeEngine(everything)
    positions: list[float] = []

    recording = noisy(tmp_path / "r", 700, (589, 590))
    speech = spans((0, 589), (590, 700))

    segments = Listener(engine, recording, replace(ANY, initial_prompt="Names"), 1).listen(
        speech, speech, positions.append
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

    assert engine.lengths == [20, pytest.approx(10.4, abs=0.3)]
    assert [segment.start for segment in segments] == [0, 9.8]


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


def test_a_window_that_loops_is_cut_and_heard_again(tmp_path: Path) -> None:
    def loops_when_long(seconds: float) -> tuple[Segment, ...]:
        text = "again and again " * 20 if seconds > 20 else f"{seconds:.0f} seconds"
        return (Segment(0, seconds, text),)

    recording = noisy(tmp_path / "r", 27, (13, 13.3))
    segments = heard(FakeEngine(loops_when_long), recording, spans((0, 27)), batch_size=2)

    assert [segment.text for segment in segments] == ["13 seconds", "14 seconds"]


def test_a_window_of_which_nothing_was_heard_is_tried_in_parts_and_then_let_go(
    tmp_path: Path,
) -> None:
    engine = FakeEngine(lambda _: ())

    assert heard(engine, noisy(tmp_path / "r", 28), spans((0, 28)), batch_size=4) == ()
    assert engine.together[0] == 2
    assert len(engine.together) > 3


def test_a_loop_is_heard_once_more_by_itself(tmp_path: Path) -> None:
    def loops_when_long(seconds: float) -> tuple[Segment, ...]:
        if seconds > 15:
            loop = tuple(Segment(10 + n, 11 + n, " Thank you.") for n in range(9))
            return (Segment(0, 10, "Here we go."), *loop, Segment(19, 20, "Good."))
        return (Segment(0, seconds, "Thank you all for coming today."),)

    engine = FakeEngine(loops_when_long)

    segments = heard(
        engine, noisy(tmp_path / "r", 20), spans((0, 20)), replace(ANY, initial_prompt="Names")
    )

    assert engine.lengths == [20, 9]
    assert [segment.text for segment in segments] == [
        "Here we go.",
        "Thank you all for coming today.",
        "Good.",
    ]


def test_text_that_loops_is_not_handed_to_the_next_block(tmp_path: Path) -> None:
    engine = FakeEngine(lambda seconds: (Segment(0, seconds, "so it goes on " * 20),))

    heard(engine, noisy(tmp_path / "r", 700), spans((0, 700)))

    assert [request.initial_prompt for request in engine.requests[:2]] == [None, None]


def test_a_second_look_does_not_say_again_what_stands_beside_the_gap(tmp_path: Path) -> None:
    def late(seconds: float) -> tuple[Segment, ...]:
        if seconds > 15:
            return (Segment(0, 10, "Water to the old horse."), Segment(12, 20, "And so on."))
        return (Segment(0, seconds, "the old horse"),)

    segments = heard(FakeEngine(late), noisy(tmp_path / "r", 20), spans((0, 20)))

    assert [segment.text for segment in segments] == ["Water to the old horse.", "And so on."]


class Narrow(FakeEngine):
    """Has memory for two windows at once."""

    def transcribe_together(
        self, parts: Sequence[Samples], request: Request
    ) -> tuple[tuple[Segment, ...], ...]:
        if len(parts) > 2:
            raise RuntimeError("CUDA failed with error out of memory")
        return super().transcribe_together(parts, request)


def test_fewer_windows_at_once_where_memory_runs_out(tmp_path: Path) -> None:
    engine = Narrow(everything)

    segments = heard(engine, noisy(tmp_path / "r", 200), spans((0, 200)), batch_size=8)

    assert set(engine.together) <= {1, 2}
    covered = [Span(one.start, one.end) for one in segments]
    assert coverage(spans((0, 200)), covered) == pytest.approx(1.0)


def test_where_there_is_no_memory_for_one_window_that_is_told(tmp_path: Path) -> None:
    class Full(FakeEngine):
        def transcribe_together(
            self, parts: Sequence[Samples], request: Request
        ) -> tuple[tuple[Segment, ...], ...]:
            raise RuntimeError(f"out of memory with {len(parts)} for {request.task}")

    with pytest.raises(RuntimeError, match="out of memory with 1"):
        heard(Full(), noisy(tmp_path / "r", 60), spans((0, 60)), batch_size=8)


def test_words_can_be_believed_everywhere_and_speech_is_still_looked_for(tmp_path: Path) -> None:
    def sung(seconds: float) -> tuple[Segment, ...]:
        if seconds > 15:
            return (Segment(0, 5, "La la la."),)
        return (Segment(0, seconds, "spoken"),)

    recording = noisy(tmp_path / "r", 20)

    segments = Listener(FakeEngine(sung), recording, ANY, 1).listen(
        spans((10, 14)), spans((0, 20)), lambda _: None
    )

    assert [segment.text for segment in segments] == ["La la la.", "spoken"]
