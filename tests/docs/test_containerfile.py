"""What can be seen of the image without building it; `make containers` builds and runs it."""

import json
import re
from pathlib import Path

import pytest

from agent.config.image import VARIANT_ENV
from agent.config.table import rows

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stages() -> list[list[str]]:
    """Instructions by stage, continued lines joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    found: list[list[str]] = []
    for line in lines:
        if line.startswith("FROM "):
            found.append([])
        (found[-1] if found else []).append(line)
    return found


@pytest.fixture(scope="module")
def final(stages: list[list[str]]) -> dict[str, list[str]]:
    by_name: dict[str, list[str]] = {}
    for line in stages[-1]:
        name, rest = line.split(maxsplit=1)
        by_name.setdefault(name, []).append(rest)
    return by_name


def test_the_agent_runs_without_rights_under_an_init_that_hands_signals_on(
    final: dict[str, list[str]],
) -> None:
    assert final["USER"][-1].startswith("10001")
    assert json.loads(final["ENTRYPOINT"][-1])[:1] == ["/usr/bin/tini"]
    assert json.loads(final["CMD"][-1]) == ["run"]
    assert final["STOPSIGNAL"] == ["SIGTERM"]


def test_only_volumes_are_written(final: dict[str, list[str]]) -> None:
    volumes = json.loads(final["VOLUME"][-1])
    written = re.findall(r"(?:SPOOL|MODELS_FOLDER|HOME|CACHE_HOME)=(\S+)", final["ENV"][-1])

    assert volumes == ["/var/lib/agent", "/models"]
    assert written
    assert all(path.startswith(tuple(volumes)) for path in written)


def test_the_health_is_what_the_agent_itself_says(final: dict[str, list[str]]) -> None:
    assert final["HEALTHCHECK"][-1].endswith('CMD ["python3", "-m", "agent", "status"]')


def test_its_variables_are_settings(final: dict[str, list[str]]) -> None:
    used = set(re.findall(r"\b(MORAG_AGENT_\w+)=", " ".join(final["ENV"])))

    assert used - {VARIANT_ENV} <= {row.env for row in rows().values()}
    assert VARIANT_ENV in used


def test_what_is_copied_is_there(stages: list[list[str]]) -> None:
    copied = [line.split()[1:-1] for stage in stages for line in stage if line.startswith("COPY ")]
    ours = [name for names in copied if not names[0].startswith("--from") for name in names]

    assert "agent" in ours
    assert [name for name in ours if not (ROOT / name).exists()] == []
