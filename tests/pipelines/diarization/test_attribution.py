from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.diarization.attribution import attributed
from agent.pipelines.diarization.turns import Turn
from agent.pipelines.spoken.transcript import Segment, Word

A, B = "SPEAKER_00", "SPEAKER_01"


def words(text: str, start: float = 0.0) -> tuple[Word, ...]:
    """One a second, each half a second long."""
    return tuple(Word(start + n, start + n + 0.5, w, 0.9) for n, w in enumerate(text.split()))


def segment(text: str, start: float = 0.0) -> Segment:
    spoken = words(text, start)
    return Segment(start, spoken[-1].end, text, spoken)


def told(segments: tuple[Segment, ...]) -> list[tuple[str, str | None]]:
    return [(segment.text, segment.speaker) for segment in segments]


def test_without_turns_nobody_gets_a_label() -> None:
    segments = (segment("who is there"),)
    assert attributed(segments, ()) == segments


def test_a_segment_is_cut_where_the_speaker_changes() -> None:
    turns = (Turn(0, 1.9, A), Turn(1.9, 5, B))
    assert told(attributed([segment("How are you? Very well.")], turns)) == [
        ("How are", A),
        ("you? Very well.", B),
    ]


def test_the_parts_have_the_times_and_speakers_of_their_words() -> None:
    first, second = attributed([segment("a b c d", 10)], (Turn(9, 11.8, A), Turn(11.8, 20, B)))
    assert (first.start, first.end, second.start, second.end) == (10, 11.5, 12, 13.5)
    assert {word.speaker for word in second.words} == {B}


def test_one_word_within_the_speech_of_another_is_no_turn() -> None:
    turns = (Turn(0, 1.9, A), Turn(1.9, 2.6, B), Turn(2.7, 9, A))
    assert told(attributed([segment("I do not know him")], turns)) == [("I do not know him", A)]


def test_text_without_spaces_is_cut_without_adding_any() -> None:
    spoken = (Word(0, 1, "今日は", 0.9), Word(1, 2, "元気", 0.9), Word(3, 4, "はい", 0.9))
    line = Segment(0, 4, "今日は元気はい", spoken)
    turns = (Turn(0, 2.5, A), Turn(2.5, 5, B))
    assert told(attributed([line], turns)) == [("今日は元気", A), ("はい", B)]


def test_words_without_times_follow_their_segment() -> None:
    line = replace(segment("mostly the second one speaks"), words=())
    turns = (Turn(0, 1, A), Turn(1, 9, B))
    assert told(attributed([line], turns)) == [("mostly the second one speaks", B)]


def test_what_no_turn_covers_belongs_to_the_nearest_or_to_nobody() -> None:
    turns = (Turn(0, 1, A), Turn(4, 5, B))
    near, far = replace(segment("near", 2.9), words=()), replace(segment("far", 30), words=())
    assert told(attributed([near, far], turns)) == [("near", B), ("far", None)]


spans = st.lists(
    st.tuples(st.floats(0, 100), st.floats(0.1, 10), st.sampled_from([A, B])), max_size=12
)


@given(spans, st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_no_word_is_lost_or_moved(given: list[tuple[float, float, str]], sizes: list[int]) -> None:
    turns = [Turn(start, start + length, speaker) for start, length, speaker in given]
    segments = [
        segment(" ".join(f"w{n}_{k}" for k in range(size)), 12.0 * n)
        for n, size in enumerate(sizes)
    ]
    result = attributed(segments, turns)
    assert " ".join(s.text for s in result) == " ".join(s.text for s in segments)
    assert [w.text for s in result for w in s.words] == [w.text for s in segments for w in s.words]
    assert all(word.speaker == one.speaker for one in result for word in one.words)
