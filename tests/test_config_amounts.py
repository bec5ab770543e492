import pytest

from agent.config.amounts import bytes_a_second, quota_of
from agent.config.values import WrongValueError
from agent.core.quota import Quota
from agent.model.ids import Bytes


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("2 MB/s", 2_000_000),
        ("16 Mbit/s", 2_000_000),
        ("16mbps", None),
        ("16 Mbitps", 2_000_000),
        ("1KiB/s", 1024),
        ("1.5 MB / s", 1_500_000),
        ("1 Gbit/s", 125_000_000),
        ("", "no limit"),
    ],
)
def test_bits_and_bytes_are_both_understood(text: str, rate: object) -> None:
    expected = {None: 16_000_000, "no limit": None}.get(rate, rate)  # type: ignore[call-overload]

    assert bytes_a_second(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2000000", '"2000000" does not say bits or bytes'),
        ("fast", '"fast" is no rate'),
        ("2 MB", '"2 MB" is no rate'),
        ("2 miles/s", '"miles" is neither bits (Mbit/s) nor bytes (MB/s)'),
        ("1 KB/s", '"1 KB/s" is under 1 KiB/s, and what is so slow counts as stalled'),
        ("8 kbit/s", '"8 kbit/s" is under 1 KiB/s, and what is so slow counts as stalled'),
    ],
)
def test_what_is_wrong_with_a_rate_is_named(text: str, why: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        bytes_a_second(text)

    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("", Quota()),
        ("20 GB", Quota(both=Bytes(20 * 10**9))),
        ("15GB down, 5 GB up", Quota(down=Bytes(15 * 10**9), up=Bytes(5 * 10**9))),
        ("20 GB, 5 GB Up", Quota(both=Bytes(20 * 10**9), up=Bytes(5 * 10**9))),
    ],
)
def test_a_quota_is_for_both_ways_or_for_each(text: str, quota: Quota) -> None:
    assert quota_of(text) == quota


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("much", '"much" is no size'),
        ("0 GB", '"0 GB" is no size'),
        ("1 GB up, 2 GB up", '"2 GB up" says it twice'),
        ("down", '"down" is no size'),
    ],
)
def test_what_is_wrong_with_a_quota_is_named(text: str, why: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        quota_of(text)

    assert str(caught.value) == why
