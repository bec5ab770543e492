import os
from pathlib import Path

import pytest

from agent.edges.owner import ASK, Owner, ask_logind
from tests.fakes.boxes import box

NOW, WALL = 10_000.0, 1_700_000_000.0


def idle(root: Path, hint: str | None = None, *, is_container: bool = False) -> float | None:
    surroundings = box(root, is_container=is_container)
    return Owner(surroundings, ask=lambda: hint, now=lambda: NOW, wall=lambda: WALL).idle()


def typed(root: Path, terminal: str, ago: float) -> None:
    path = root / "dev" / terminal
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (WALL - ago, WALL - ago))


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("IdleHint=no\nIdleSinceHintMonotonic=9000000000\n", 0.0),
        ("IdleHint=yes\nIdleSinceHintMonotonic=9400000000\n", 600.0),
        ("IdleHint=yes\nIdleSinceHintMonotonic=0\n", NOW),
        ("IdleHint=yes\nIdleSinceHintMonotonic=\n", None),
        ("", None),
        (None, None),
    ],
)
def test_the_login_service_is_believed(
    tmp_path: Path, hint: str | None, expected: float | None
) -> None:
    assert idle(tmp_path, hint) == expected


def test_without_it_the_last_key_on_a_terminal_counts(tmp_path: Path) -> None:
    typed(tmp_path, "tty1", 4000)
    typed(tmp_path, "pts/3", 70)
    typed(tmp_path, "null", 1)

    assert idle(tmp_path) == pytest.approx(70)


def test_of_two_witnesses_the_later_touch_counts(tmp_path: Path) -> None:
    typed(tmp_path, "pts/0", 70)

    assert idle(tmp_path, "IdleHint=yes\nIdleSinceHintMonotonic=9000000000") == pytest.approx(70)


@pytest.mark.parametrize("mark", ["tmp/.X11-unix/X0", "run/user/1000/wayland-0"])
def test_keys_in_a_desktop_that_tells_nobody_are_not_known(tmp_path: Path, mark: str) -> None:
    typed(tmp_path, "pts/0", 7000)
    (tmp_path / mark).parent.mkdir(parents=True)
    (tmp_path / mark).touch()

    assert idle(tmp_path) is None


def test_in_a_container_nobody_knows(tmp_path: Path) -> None:
    typed(tmp_path, "pts/0", 7000)

    assert idle(tmp_path, "IdleHint=yes\nIdleSinceHintMonotonic=0", is_container=True) is None


def test_the_login_service_is_not_asked_at_every_look(tmp_path: Path) -> None:
    asked, clock = [], [0.0]

    def ask() -> str:
        asked.append(clock[0])
        return "IdleHint=no"

    owner = Owner(box(tmp_path), ask=ask, now=lambda: clock[0])
    for second in range(0, 21, 2):
        clock[0] = float(second)
        owner.idle()

    assert asked == [0.0, 10.0, 20.0]


def stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / ASK[0]
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_it_is_asked_for_all_sessions_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, 'echo "$@"', monkeypatch)

    said = ask_logind()

    assert said == "show-session --property=IdleHint --property=IdleSinceHintMonotonic\n"


def test_a_login_service_that_fails_or_is_not_there_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, "exit 1", monkeypatch)
    failing = ask_logind()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))

    assert failing is None
    assert ask_logind() is None
