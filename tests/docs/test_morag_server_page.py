"""The page about MoRAG's old URLs: its program runs, its commands and settings exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter

from agent.cli.parsing import top_parser, verb_parser
from agent.cli.verbs import VERBS
from agent.config.table import rows
from agent.core.morag_result import WANTED
from agent.server.morag.results import OTHER_CONTENT
from agent.server.settings import MoragSettings
from agent.server.tokens import TokenKind, create_token
from tests.server.morag.old import TEXT, OldWorker

PAGE = (Path(__file__).parents[2] / "docs" / "morag-server.md").read_text(encoding="utf-8")


def program(tmp_path: Path) -> dict[str, Any]:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    made: dict[str, Any] = {}
    code = code.replace("/var/lib/morag-jobs", str(tmp_path / "jobs"))
    exec(code.replace("/app/uploads", str(tmp_path)), made)  # noqa: S102
    return made


@pytest.mark.real_time
async def test_the_program_serves_old_and_new_urls_and_goes_on_with_the_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = program(tmp_path)["app"]
    sound = tmp_path / "a.mp3"
    sound.write_bytes(b"sound")
    folder = tmp_path / "jobs"
    client = {"X-API-Key": create_token(folder, TokenKind.CLIENT)}
    worker = {"X-API-Key": create_token(folder, TokenKind.AGENT, agent_id="box")}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://morag") as http,
    ):
        body = {
            "source_file_path": str(sound),
            "content_type": "audio",
            "ingestion_task_id": "task-1",
        }
        created = await http.post("/api/v1/remote-jobs/", json=body, headers=client)
        http.headers.update(worker)
        old = OldWorker(http)
        claimed = await old.poll()
        assert claimed["job_id"] == created.json()["job_id"]
        assert claimed["source_file_url"].startswith("/api/v1/remote-jobs/")
        assert (await http.get(claimed["source_file_url"])).content == b"sound"
        await old.bring(claimed["job_id"], processing_time=1.5)
        assert (await http.get("/api/v1/workers", headers=client)).json()
        assert (await http.get("/gpu/healthz")).json()["status"] == "ok"
        redirected = await http.post("/api/v1/remote-jobs", json=body, headers=client)
        assert redirected.headers["location"] == "http://morag/api/v1/remote-jobs/"
        assert (await http.get("/api/v1/remote-jobsters")).json() == {"detail": "Not Found"}

    assert f"task-1: {len(TEXT)} characters in 1.5 s" in capsys.readouterr().out


@pytest.mark.real_time
async def test_the_old_urls_win_over_morags_own_routes(tmp_path: Path) -> None:
    made = program(tmp_path)
    own = APIRouter(prefix="/api/v1")

    @own.get("/remote-jobs/poll")
    @own.get("/stages/health")
    async def morags() -> str:
        return "MoRAG's own"

    app = made["app"]
    app.include_router(own)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://morag") as http,
    ):
        assert (await http.get("/api/v1/remote-jobs/poll")).status_code == 401
        assert (await http.get("/api/v1/stages/health")).json() == "MoRAG's own"


def commands() -> list[list[str]]:
    lines = re.findall(r"`(python -m agent [^`]*)`", PAGE)
    return [shlex.split(line)[3:] for line in lines]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_is_understood(words: list[str]) -> None:
    verb = top_parser().parse_args(words[:1]).verb

    verb_parser(VERBS[verb]).parse_args(words[1:])


def test_what_it_names_exists() -> None:
    places = {row.key.at for row in rows().values()}

    assert set(re.findall(r"`(serve\.\w+)`", PAGE)) <= places
    for name in ("input_folders", "on_result", "results_at_once", "lease_s", "max_attempts"):
        assert hasattr(MoragSettings(), name)
        assert f"`{name}`" in PAGE or f"{name}=" in PAGE
    for name in (*WANTED, OTHER_CONTENT):
        assert f"`{name}`" in PAGE
