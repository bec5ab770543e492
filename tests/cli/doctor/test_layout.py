import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.cli.doctor.check import (
    Check,
    Finding,
    Group,
    Result,
    Verdict,
    error,
    not_applicable,
    ok,
    unknown,
    warning,
)
from agent.cli.doctor.layout import lines
from agent.cli.doctor.report import as_json

ANSI = re.compile(r"\033\[[\d;]*m")


def result(finding: Finding, name: str = "disk speed", group: Group = Group.SPOOL) -> Result:
    return Result(Check(group=group, name=name, look=lambda: finding), finding, 1.25)


def test_a_person_reads_groups_verdicts_and_what_to_do() -> None:
    results = [
        result(ok("all there"), "system", Group.BOX),
        result(error("it is full", "free some space"), "spool"),
        result(not_applicable("no GPU"), "nvdec"),
        result(unknown("not tried", "doctor --thorough tries it"), "rate"),
        result(warning("slow", "buy another"), "speed"),
    ]

    assert list(lines(results, 2.0)) == [
        "box",
        "  ok       system  all there",
        "",
        "spool",
        "  ERROR    spool   it is full",
        "                   -> free some space",
        "  -        nvdec   no GPU",
        "  unknown  rate    not tried",
        "                   -> doctor --thorough tries it",
        "  warning  speed   slow",
        "                   -> buy another",
        "",
        "1 error: spool.",
        "1 warning: speed.",
        "1 unknown: rate.",
        "1 fine, 1 not applicable here; looked for 2.0 s.",
    ]


@settings(deadline=None)
@given(
    st.text(st.characters(blacklist_categories=["Cs"], max_codepoint=0x2FFF), max_size=300),
    st.text(alphabet="ab/-. ", max_size=300),
    st.integers(20, 200),
)
def test_no_line_is_longer_than_the_terminal(seen: str, advice: str, columns: int) -> None:
    told = list(lines([result(warning(seen, advice))], 1.0, columns=columns))

    assert max(map(len, told)) <= max(40, columns)


def test_colour_changes_nothing_but_the_verdict() -> None:
    results = [result(error("it is full", "free some space")), result(ok("fine"))]

    plain = list(lines(results, 1.0))
    coloured = list(lines(results, 1.0, in_colour=True))

    assert not any("\033" in line for line in plain)
    assert any("\033[1;31mERROR" in line for line in coloured)
    assert [ANSI.sub("", line) for line in coloured] == plain


def test_a_path_that_is_too_long_is_broken_at_its_strokes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    path = "/srv/" + "/".join(["folder"] * 20)

    told = list(lines([result(ok(f"in {path} and {Path('/home/me/x')}"))], 1.0))

    entry = [line for line in told if "folder" in line]
    assert all(line.rstrip().endswith(("/", "folder", "~/x")) for line in entry)
    assert "~/x" in " ".join(told)


def test_what_others_wrote_cannot_command_the_terminal() -> None:
    told = "\n".join(lines([result(ok("named \033[2Jx"))], 1.0))

    assert "\033" not in told


def test_programs_read_every_member_that_is_promised() -> None:
    told = json.loads(
        as_json([result(error("full", "free some")), result(Finding(Verdict.OK, "x"))], 3.0)
    )

    assert {"form", "agent_version", "verdict", "took_s", "checks"} <= set(told)
    assert (told["form"], told["verdict"], told["took_s"]) == (1, "error", 3.0)
    assert told["checks"][0] == {
        "group": "spool",
        "name": "disk speed",
        "verdict": "error",
        "seen": "full",
        "advice": "free some",
        "measured": {},
        "took_s": 1.25,
    }


@pytest.mark.parametrize(
    ("findings", "worst"),
    [
        ([ok("")], "ok"),
        ([ok(""), not_applicable("")], "ok"),
        ([unknown(""), ok("")], "unknown"),
        ([unknown(""), warning("", "")], "warning"),
        ([warning("", ""), error("", "")], "error"),
    ],
)
def test_the_worst_verdict_is_told_for_the_whole(findings: list[Finding], worst: str) -> None:
    assert json.loads(as_json([result(one) for one in findings], 0.0))["verdict"] == worst
