"""The page about Celery: its commands and settings exist, and it names every task."""

import re
import shlex
from pathlib import Path

import pytest

from agent.celery_bridge.app import KEPT_APART, QUEUES
from agent.celery_bridge.order import CONTENT_TYPES, FIELDS
from agent.cli.parsing import top_parser, verb_parser
from agent.cli.verbs import VERBS
from agent.config.table import rows

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "celery.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).replace("\\\n", " ")
    lines = [line.removesuffix(" &") for line in blocks.splitlines() if "python -m agent" in line]
    return [shlex.split(line)[3:] for line in lines]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_is_understood(words: list[str]) -> None:
    verb = top_parser().parse_args(words[:1]).verb

    verb_parser(VERBS[verb]).parse_args(words[1:])


def test_there_are_commands_to_check() -> None:
    assert {words[0] for words in commands()} == {"serve", "token", "celery-bridge", "run"}


def test_what_it_names_exists() -> None:
    places = {row.key.at for row in rows().values()}
    variables = {row.env for row in rows().values()}

    assert set(re.findall(r"`((?:celery|serve)\.\w+)`", PAGE)) <= places
    assert set(re.findall(r"MORAG_AGENT_\w+", PAGE)) <= variables
    assert KEPT_APART["unacked_key"] in PAGE
    assert re.search(r"^celery:.*RABBITMQ=1", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", [*CONTENT_TYPES, *FIELDS, *QUEUES])
def test_every_task_argument_and_queue_is_told_of(name: str) -> None:
    assert f"`{name}`" in PAGE
