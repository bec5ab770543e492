from pathlib import Path

import pytest

from agent.pipelines.audio.language import find_language
from tests.pipelines.audio.fake_engine import FakeEngine
from tests.pipelines.spoken.recordings import noisy, spans

SPEECH = spans((0, 30), (40, 70), (80, 110), (120, 150))


def test_one_clear_look_is_enough(tmp_path: Path) -> None:
    engine = FakeEngine(likely=[{"de": 0.9, "en": 0.1}])

    assert find_language(engine, noisy(tmp_path / "r", 150), SPEECH) == ("de", 0.9)
    assert engine.looks == 1


def test_doubtful_looks_are_counted_together(tmp_path: Path) -> None:
    engine = FakeEngine(
        languages=("de", "en", "nl"),
        likely=[{"nl": 0.5, "de": 0.4}, {"de": 0.6, "nl": 0.2}, {"de": 0.6, "en": 0.4}],
    )

    language, certainty = find_language(engine, noisy(tmp_path / "r", 150), SPEECH)

    assert language == "de"
    assert certainty == pytest.approx((0.4 + 0.6 + 0.6 + 0.6) / 4)
    assert engine.looks == 4


def test_looks_do_not_see_the_same_half_minute_twice(tmp_path: Path) -> None:
    engine = FakeEngine(likely=[{"de": 0.5, "en": 0.4}])

    find_language(engine, noisy(tmp_path / "r", 20), spans((0, 3), (4, 8), (9, 12), (13, 19)))

    assert engine.looks == 1


def test_a_model_of_one_language_is_not_asked(tmp_path: Path) -> None:
    engine = FakeEngine(languages=("en",))

    assert find_language(engine, noisy(tmp_path / "r", 5), spans((0, 5))) == ("en", 1.0)
    assert engine.looks == 0
