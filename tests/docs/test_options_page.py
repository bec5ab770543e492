from pathlib import Path

import pytest

from agent.pipelines.options_page import BY_TYPE, page

PAGE = Path(__file__).parents[2] / "docs" / "options.md"


def test_the_page_is_the_one_that_the_code_writes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


@pytest.mark.parametrize("content_type", BY_TYPE)
def test_every_option_says_what_it_does(content_type: str) -> None:
    silent = [
        name for name, field in BY_TYPE[content_type].model_fields.items() if not field.description
    ]

    assert silent == []
