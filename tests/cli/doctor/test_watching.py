import io

import pytest

from agent.cli.doctor.check import Check, Group, Result, ok
from agent.cli.doctor.watching import OneLine, watching


def check(name: str) -> Check:
    return Check(group=Group.BOX, name=name, look=lambda: ok(""))


def test_one_line_says_what_is_looked_at_and_never_wraps() -> None:
    out = io.StringIO()
    line = OneLine(out, columns=40, total=3)

    line.began(check("memory"))
    line.began(check("a-check-with-a-name-that-is-far-too-long"))
    line.ended(Result(check("memory"), ok(""), 0.1))

    shown = [part for part in out.getvalue().split("\r\033[K") if part]
    assert shown[0] == "0 of 3, looking at memory"
    assert shown[-1].startswith("1 of 3, looking at a-check")
    assert max(map(len, shown)) < 40


def test_without_a_terminal_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(1) as watch:
        watch.began(check("memory"))
        watch.ended(Result(check("memory"), ok(""), 0.1))

    assert capsys.readouterr() == ("", "")
