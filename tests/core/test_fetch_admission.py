from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.fetch_admission import Awaited, Fetch, HandBack, View, admit, too_slow
from agent.model.ids import Bytes, Seconds

GB = 10**9


def view(**changes: Any) -> View:
    usual: dict[str, Any] = {
        "size": Bytes(GB),
        "have": Bytes(0),
        "largest": Bytes(10 * GB),
        "disk_free": Bytes(100 * GB),
        "disk_reserve": Bytes(GB),
        "awaited": Bytes(0),
        "time_left": Seconds(60.0),
        "time_given": Seconds(43_200.0),
    }
    return View(**(usual | changes))


def reason(**changes: Any) -> str:
    decision = admit(view(**changes))
    assert isinstance(decision, HandBack)
    return decision.reason


def test_an_input_that_fits_is_fetched() -> None:
    assert admit(view()) == Fetch()


def test_an_input_over_the_limit_is_handed_back() -> None:
    assert admit(view(size=Bytes(10 * GB))) == Fetch()
    assert reason(size=Bytes(10 * GB + 1)).startswith("too_large: ")


def test_an_input_of_unknown_size_is_as_large_as_what_came() -> None:
    assert admit(view(size=None, have=Bytes(10 * GB))) == Fetch()
    assert reason(size=None, have=Bytes(10 * GB + 1)).startswith("too_large: ")


@pytest.mark.parametrize(("have", "needed"), [(0, 2 * GB), (GB // 4, 2 * GB - GB // 4), (GB, GB)])
def test_the_disk_takes_what_is_missing_and_as_much_again_beside_its_reserve(
    have: int, needed: int
) -> None:
    assert admit(view(have=Bytes(have), disk_free=Bytes(GB + needed))) == Fetch()
    told = reason(have=Bytes(have), disk_free=Bytes(GB + needed - 1))
    assert told.startswith("disk_full: ")
    assert f"need {needed} bytes" in told


def test_what_other_downloads_still_bring_is_no_free_disk() -> None:
    assert admit(view(disk_free=Bytes(4 * GB), awaited=Bytes(GB))) == Fetch()
    assert "disk_full" in reason(disk_free=Bytes(4 * GB), awaited=Bytes(GB + 1))


def test_an_input_of_unknown_size_needs_the_reserve_and_room_for_its_results() -> None:
    assert admit(view(size=None, disk_free=Bytes(GB))) == Fetch()
    assert "disk_full" in reason(size=None, disk_free=Bytes(GB - 1))
    assert "disk_full" in reason(size=None, have=Bytes(GB), disk_free=Bytes(2 * GB - 1))


def test_a_download_whose_time_is_over_is_handed_back() -> None:
    told = reason(time_left=Seconds(0.0), have=Bytes(123))

    assert told == "too slow: 123 bytes of the input came within 720 minutes"
    assert HandBack(told) == too_slow(Bytes(123), Seconds(43_200.0))


def test_more_than_was_promised_is_nothing_missing() -> None:
    assert admit(view(have=Bytes(2 * GB), disk_free=Bytes(2 * GB))) == Fetch()


@given(
    sizes=st.lists(st.integers(0, 3 * GB), max_size=6),
    free=st.integers(0, 20 * GB),
    reserve=st.integers(0, 2 * GB),
)
def test_what_is_admitted_fits_on_the_disk_beside_all_that_was_admitted_before(
    sizes: list[int], free: int, reserve: int
) -> None:
    awaited, admitted = Awaited(), 0

    for number, size in enumerate(sizes):
        decision = admit(
            view(
                size=Bytes(size),
                disk_free=Bytes(free),
                disk_reserve=Bytes(reserve),
                awaited=awaited.besides(number),
            )
        )
        if isinstance(decision, Fetch):
            awaited.note(number, size)
            admitted += size
            assert admitted + size + reserve <= free

    assert awaited.besides("nobody") == admitted


def test_a_download_that_ended_brings_nothing_more() -> None:
    awaited = Awaited()
    awaited.note("a", 5)
    awaited.note("b", 7)

    assert (awaited.besides("a"), awaited.besides("b")) == (7, 5)
    awaited.forget("b")
    awaited.forget("b")
    assert awaited.besides("a") == 0
