from agent.pipelines.topics.phrases import phrases


def texts(*found: str) -> list[list[str]]:
    return [[phrase.text for phrase in ranked] for ranked in phrases(found)]


def test_what_a_text_says_often_and_the_others_do_not_comes_first() -> None:
    bees, ships = texts(
        "The queen rules. The queen lays eggs, and the weather is fine.",
        "The mast broke. A new mast came, and the weather was bad.",
    )
    assert (bees[0], ships[0]) == ("queen", "mast")


def test_terms_of_several_words_are_kept_where_they_recur_or_are_names() -> None:
    (found,) = texts("The heat pump hums. A heat pump saves money. Marie Curie knew that.")
    assert "heat pump" in found
    assert "Marie Curie" in found
    assert "pump hums" not in found


def test_no_phrase_crosses_the_end_of_a_clause_or_contains_a_stop_word() -> None:
    (found,) = texts("We saw the river. River of stones. Gold, silver and gold, silver.")
    assert "gold silver" not in [text.lower() for text in found]
    assert not any("of" in text.split() for text in found)


def test_plurals_and_cases_are_one_phrase_in_the_spelling_used_most() -> None:
    (found,) = texts("Bees dance. The bees return. Many bees. A bee sleeps. Cities and a city.")
    assert [text for text in found if text.lower().startswith("bee")] == ["bees"]
    assert sum(text in {"Cities", "city"} for text in found) == 1


def test_numbers_and_fillers_are_no_phrases() -> None:
    assert texts("Um, yeah, 1945 you know, well, really, okay.") == [[]]
