from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.spoken.transcript import Segment
from agent.pipelines.topics.passages import passages


def spoken(*texts: str) -> list[Segment]:
    return [Segment(float(n), n + 1.0, text) for n, text in enumerate(texts)]


def test_segments_of_one_sentence_are_one_passage() -> None:
    segments = spoken("When the war was over,", "the farmers came back to their fields.", "Yes.")
    first, second = passages(segments)
    assert (first.start, first.end) == (0.0, 2.0)
    assert first.text == "When the war was over, the farmers came back to their fields."
    assert second.text == "Yes."


def test_short_sentences_go_together() -> None:
    assert len(list(passages(spoken("Yes.", "No, not at all.", "Well, I do not know.")))) == 1


def test_speech_without_full_stops_is_cut_after_forty_words() -> None:
    assert len(list(passages(spoken(*["ten words without any stop at all in one line"] * 12)))) == 3


@given(st.lists(st.text("ab. ", min_size=1, max_size=60).map(lambda text: f"x{text}"), max_size=30))
def test_no_segment_is_lost(texts: list[str]) -> None:
    joined = " ".join(passage.text for passage in passages(spoken(*texts)))
    assert joined.split() == " ".join(texts).split()
