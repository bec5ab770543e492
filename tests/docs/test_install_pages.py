"""What the pages about installing tell people to type is understood, and leads somewhere."""

import re
import shlex
from pathlib import Path

import pytest

from agent.cli.parsing import top_parser, verb_parser
from agent.cli.verbs import VERBS

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / "docs" / name).read_text("utf-8") for name in ("install.md", "windows.md")}


def commands() -> list[list[str]]:
    found = []
    for text in PAGES.values():
        blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
        lines += re.findall(r"`(python -m agent [^`]*)`", text)
        words = [shlex.split(line.split("#")[0]) for line in lines if "python -m agent" in line]
        found += [line[line.index("agent") + 1 :] for line in words]
    return [words for words in found if "--help" not in words]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_is_understood(words: list[str]) -> None:
    verb = top_parser().parse_args(words[:1]).verb

    rest = words[1:] or ["--systemd"] if verb == "install" else words[1:]
    verb_parser(VERBS[verb]).parse_args(rest)


@pytest.mark.parametrize(
    "link", [link for text in PAGES.values() for link in re.findall(r"\]\((?!http)([^)]+)\)", text)]
)
def test_every_link_leads_somewhere(link: str) -> None:
    file = link.split("#", maxsplit=1)[0]

    assert not file or (ROOT / "docs" / file).exists()


@pytest.mark.parametrize("name", ["BASE_IMAGE", "VARIANT", "EXTRAS", "TORCH_INDEX", "REVISION"])
def test_every_build_argument_is_told_with_its_default(name: str) -> None:
    containerfile = (ROOT / "Containerfile").read_text("utf-8")

    defaults = set(re.findall(rf"^ARG {name}=(.*)$", containerfile, re.MULTILINE))
    assert len(defaults) == 1
    assert f"| `{name}` |" in PAGES["install.md"]
    if name != "TORCH_INDEX":
        assert f"| `{name}` | `{defaults.pop()}` |" in PAGES["install.md"]
