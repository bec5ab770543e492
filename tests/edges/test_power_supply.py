from pathlib import Path

import pytest

from agent.edges.power_supply import Battery, battery


def supply(root: Path, name: str, **told: str) -> None:
    folder = root / "sys/class/power_supply" / name
    folder.mkdir(parents=True)
    for file, text in told.items():
        (folder / file).write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("status", "online", "is_in_use"),
    [
        ("Discharging", "0", True),
        ("Charging", "1", False),
        ("Full", "1", False),
        ("Not charging", "1", False),
        ("Unknown", "0", False),
        ("Discharging", "1", False),
    ],
)
def test_a_laptop_is_on_battery_where_that_is_drained_and_nothing_feeds_it(
    tmp_path: Path, status: str, online: str, is_in_use: bool
) -> None:
    supply(tmp_path, "AC", type="Mains", online=online)
    supply(tmp_path, "BAT0", type="Battery", status=status, capacity="73")

    assert battery(tmp_path) == Battery(is_in_use=is_in_use, percent=73)


def test_two_batteries_are_one(tmp_path: Path) -> None:
    supply(tmp_path, "BAT0", type="Battery", status="Unknown", capacity="100")
    supply(tmp_path, "BAT1", type="Battery", status="Discharging", capacity="50")

    assert battery(tmp_path) == Battery(is_in_use=True, percent=75)


def test_a_wireless_mouse_does_not_make_a_desktop_a_laptop(tmp_path: Path) -> None:
    supply(tmp_path, "hidpp_battery_0", type="Battery", scope="Device", status="Discharging")

    assert battery(tmp_path) is None


def test_a_battery_that_tells_no_level_has_none(tmp_path: Path) -> None:
    supply(tmp_path, "BAT0", type="Battery", status="Discharging", scope="System")

    assert battery(tmp_path) == Battery(is_in_use=True, percent=None)


def test_a_box_that_tells_nothing_has_no_battery(tmp_path: Path) -> None:
    assert battery(tmp_path) is None
