from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.spoken.transcript import Segment, Word, settled

moments = st.floats(-10, 100, allow_nan=False)
texts = st.sampled_from(["word", " two words\n", "", " . . ", "three"])
words = st.lists(st.builds(Word, moments, moments, texts, st.just(0.5)), max_size=3).map(tuple)


@given(st.lists(st.builds(Segment, moments, moments, texts, words), max_size=8))
def test_settled_segments_are_in_order_apart_and_hold_words(segments: list[Segment]) -> None:
    result = settled(segments, duration=60.0)

    end = 0.0
    for segment in result:
        assert end <= segment.start < segment.end
        assert segment.text.strip() == segment.text != ""
        end = segment.end
        at = segment.start
        for word in segment.words:
            assert at <= word.start <= word.end <= segment.end
            at = word.start


def test_what_is_right_already_stays() -> None:
    segment = Segment(1.0, 2.0, "Hello.", (Word(1.0, 1.5, "Hello.", 0.9),))

    assert settled([segment], 3.0) == (segment,)


def test_the_last_segment_ends_with_the_audio() -> None:
    (segment,) = settled([Segment(1.0, 30.0, "Hello.")], 2.5)

    assert (segment.start, segment.end) == (1.0, 2.5)


def test_shifting_moves_the_words_too() -> None:
    shifted = Segment(1.0, 2.0, "a", (Word(1.0, 2.0, "a", 1.0),)).shifted(10.0)

    assert shifted == Segment(11.0, 12.0, "a", (Word(11.0, 12.0, "a", 1.0),))
