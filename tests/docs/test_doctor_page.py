"""What docs/doctor.md promises is so."""

import json
import re
from pathlib import Path

import pytest

from agent.cli.doctor.check import Check, Group, Result, Verdict, ok
from agent.cli.doctor.report import as_json

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "doctor.md").read_text(encoding="utf-8")
CAPTURES = sorted((DOCS / "captures").glob("doctor*.txt"))


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", PAGE))))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (DOCS / link).exists()


def test_every_group_and_every_verdict_is_explained() -> None:
    for group in Group:
        assert f"| {group} |" in PAGE
    for verdict in Verdict:
        assert f"`{verdict}`" in PAGE


def test_the_shape_for_programs_is_the_one_that_is_promised() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    promised = json.loads(example)
    check = Check(group=Group.BOX, name="a", look=lambda: ok(""))

    told = json.loads(as_json([Result(check, ok(""), 0.1)], 0.1))

    assert set(told) == set(promised)
    assert set(told["checks"][0]) == set(promised["checks"][0])


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_a_capture_fits_a_terminal_of_80_columns_without_colour(capture: Path) -> None:
    lines = capture.read_text(encoding="utf-8").splitlines()

    assert len(CAPTURES) >= 4
    assert max(map(len, lines)) <= 80
    assert not any("\033" in line for line in lines)
