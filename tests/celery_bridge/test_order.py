from contextlib import suppress
from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.celery_bridge.order import CONTENT_TYPES, Order, WrongOrderError, order_of, user_of

FILE = "remote.process_file"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
)


def kind_of(name: str) -> str | None:
    return {".txt": "text", ".mp3": "audio"}.get(PurePath(name).suffix)


def order(*args: Any, task: str = FILE, **kwargs: Any) -> Order:
    return order_of(task, args, kwargs, kind_of)


def test_the_three_ways_to_write_the_arguments_mean_the_same() -> None:
    by_place = order("/in/a.mp3", "audio", {"language": "de"}, "u1")
    by_name = order(
        file_path="/in/a.mp3", options={"language": "de"}, user_id="u1", content_type="audio"
    )
    as_mapping = order({"file_path": "/in/a.mp3", "options": {"language": "de"}, "user_id": "u1"})

    assert by_place == by_name == as_mapping
    assert by_place.options["language"] == "de"


@pytest.mark.parametrize("kind", ["audio", "video", "image"])
def test_by_place_a_task_for_one_kind_of_file_has_no_type(kind: str) -> None:
    task = f"remote.process_{kind}"

    assert order("/in/a", {"language": "de"}, task=task).options == {"language": "de"}
    assert user_of(task, ("/in/a", {}, "u1"), {}) == "u1"


@pytest.mark.parametrize("kind", ["audio", "video", "image"])
def test_a_task_for_one_kind_of_file_does_not_ask_its_name(kind: str) -> None:
    assert order("/in/a.txt", task=f"remote.process_{kind}").content_type == kind


def test_a_file_is_what_the_caller_says_and_else_what_its_name_says() -> None:
    assert order("/in/a.txt", content_type="document").content_type == "document"
    assert order("/in/a.txt").content_type == "text"
    with pytest.raises(WrongOrderError, match="give content_type"):
        order("/in/a")


def test_options_that_are_not_ours_are_left_behind() -> None:
    asked = order(
        "/in/a.mp3", None, {"language": "de", "webhook_auth_token": "hush", "beam_size": "?"}
    )

    assert asked.options == {"language": "de"}


def test_the_user_is_found_in_an_order_that_is_wrong_otherwise() -> None:
    assert user_of(FILE, (), {"user_id": "u1"}) == "u1"
    assert user_of(FILE, ({"user_id": "u1"},), {}) == "u1"
    assert user_of(FILE, (1, 2, 3), {}) is None


@given(task=st.sampled_from(sorted(CONTENT_TYPES)), args=st.lists(ANYTHING, max_size=6))
def test_whatever_arrives_is_an_order_or_a_sentence(task: str, args: list[Any]) -> None:
    with suppress(WrongOrderError):
        assert order_of(task, args, {}, kind_of).file_path
    assert user_of(task, args, {}) is None or isinstance(user_of(task, args, {}), str)
