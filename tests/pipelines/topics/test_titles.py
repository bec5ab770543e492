from agent.pipelines.topics.phrases import Phrase
from agent.pipelines.topics.titles import Candidates, names


def topic(*phrases: str, opening: str = "and so it began one morning in May") -> Candidates:
    """All phrases equally heavy, the first closest in meaning."""
    return Candidates(
        opening,
        tuple(Phrase(text, text.lower(), 1.0) for text in phrases),
        [1 - 0.1 * place for place in range(len(phrases))],
    )


def titles(*topics: Candidates) -> list[str]:
    return [name.title for name in names(topics)]


def test_a_term_of_several_words_is_a_title() -> None:
    assert titles(topic("heat pump", "roof")) == ["Heat pump"]


def test_a_single_word_takes_the_next_one_along() -> None:
    assert titles(topic("bees", "honey", "queen")) == ["Bees and honey"]


def test_words_of_one_stem_are_not_said_twice() -> None:
    (name,) = names([topic("tax", "taxable income", "taxed", "office")])
    assert name.title == "Tax and office"
    assert name.keywords == ("tax", "office")


def test_the_heavier_phrase_wins_where_both_mean_the_same() -> None:
    light, heavy = Phrase("loaf", "loaf", 1.0), Phrase("bread", "bread", 9.0)
    (name,) = names([Candidates("…", (light, heavy), [0.5, 0.5])])
    assert name.keywords[0] == "bread"


def test_no_two_topics_have_the_same_title() -> None:
    assert titles(*[topic("bees", "honey")] * 3) == [
        "Bees and honey",
        "Bees and honey (2)",
        "Bees and honey (3)",
    ]


def test_without_any_phrase_the_text_names_itself() -> None:
    assert titles(topic(opening="so, what do we do now, then?")) == ["So, what do we do now"]
