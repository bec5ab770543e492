"""How a MoRAG server as it is looks to `doctor`, which must never take a job from it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.cli.doctor.check import Finding, Verdict
from agent.cli.doctor.examination import examine
from agent.cli.doctor.route import Route
from agent.cli.doctor.server import (
    access_finding,
    clock_finding,
    download_finding,
    ranges_finding,
    server_checks,
    server_finding,
)
from agent.cli.doctor.watching import Blank
from agent.config import Settings
from tests.edges.background import background
from tests.fakes.morag import Manners, StandIn, online
from tests.fakes.raw_http import RawServer, Reply, Request, raw_server

JOBS = "/api/v1/remote-jobs/"
DATE = {"Date": "Sat, 28 Nov 2026 03:00:00 GMT"}


def said(status: int, detail: str) -> Reply:
    return Reply(status, DATE, json.dumps({"detail": detail}).encode())


def morag(request: Request) -> Reply:
    """As it was before its remote jobs were unmounted; it reads no key."""
    if request.path.startswith(JOBS) and request.path.endswith("/status"):
        return said(404, "Job not found")
    return Reply(200, DATE, b"{}") if request.path == "/health" else said(404, "Not Found")


def newer(_: Request) -> Reply:
    return said(404, "Not Found")


def guarded(form: str) -> Callable[[Request], Reply]:
    """Behind something that asks for a key in one form."""

    def answer(request: Request) -> Reply:
        headers = request.headers
        keys = headers.get("authorization", ""), headers.get("x-api-key", "")
        is_asked = request.path.startswith(JOBS)
        return morag(request) if form in keys or not is_asked else said(401, "no key")

    return answer


@contextmanager
def way(answer: Callable[[Request], Reply], **given: object) -> Iterator[tuple[Route, RawServer]]:
    """Nothing that was asked may have been able to take a job."""
    with background(raw_server(answer)) as server:
        settings = Settings.model_validate({"server_url": server.url, **given})
        yield Route(settings, {}), server
    assert not [one.path for one in server.requests if "poll" in one.path or one.method != "GET"]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text("hush\n")
    return file


@pytest.mark.parametrize("dialect", ["auto", "morag"])
def test_a_morag_that_asks_for_no_key_is_fine_without_one(dialect: str) -> None:
    with way(morag, server_dialect=dialect) as (route, _):
        server, access = server_finding(route), access_finding(route)

    assert (server.verdict, access.verdict) == (Verdict.OK, Verdict.OK)
    assert "is a MoRAG as it is" in server.seen
    assert "remote jobs are mounted; it has a /health" in server.seen
    assert (server.measured["dialect"], server.measured["health"]) == ("morag", "yes")
    assert access.seen == "it asks for no key"


def test_a_key_that_nobody_asks_for_does_no_harm(key: Path) -> None:
    with way(morag, token_file=key) as (route, _):
        server_finding(route)

        assert access_finding(route).seen == "it asks for no key, and is sent yours all the same"


def test_a_server_below_a_path_is_asked_there() -> None:
    def below(request: Request) -> Reply:
        path = request.path.removeprefix("/rag")
        return newer(request) if path == request.path else morag(replaced(request, path))

    def replaced(request: Request, path: str) -> Request:
        return Request(request.method, path, request.headers, request.body)

    with way(below) as (route, server):
        settings = route.settings.model_copy(update={"server_url": f"{server.url}/rag"})

        assert server_finding(Route(settings, {})).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("dialect", "told"), [("auto", "does not speak this agent's protocol either"), ("morag", "")]
)
def test_remote_jobs_that_are_not_mounted_are_told(dialect: str, told: str) -> None:
    with way(newer, server_dialect=dialect) as (route, _):
        found = server_finding(route)

    assert found.verdict is Verdict.ERROR
    assert "has no remote jobs" in found.seen
    assert told in found.seen
    assert "docs/morag.md" in found.advice


def test_without_health_it_is_a_morag_all_the_same() -> None:
    def old(request: Request) -> Reply:
        return newer(request) if request.path == "/health" else morag(request)

    with way(old) as (route, _):
        found = server_finding(route)

    assert (found.verdict, found.measured["health"]) == (Verdict.OK, "no")


@pytest.mark.parametrize("answer", [Reply(500), Reply(200, body=b"{}"), Reply(404, body=b"<h1>")])
def test_what_makes_no_sense_as_an_answer_is_an_error(answer: Reply) -> None:
    with way(lambda _: answer, server_dialect="morag") as (route, _):
        found = server_finding(route)

    assert found.verdict is Verdict.ERROR
    assert "--server-url" in found.advice


def found_with(form: str, **given: object) -> Finding:
    with way(guarded(form), **given) as (route, _):
        assert server_finding(route).verdict is Verdict.OK
        return access_finding(route)


def test_a_key_that_is_asked_for_and_missing_is_an_error() -> None:
    found = found_with("Bearer hush")

    assert (found.verdict, "--token-file" in found.advice) == (Verdict.ERROR, True)


def test_a_key_is_accepted_in_its_form(key: Path) -> None:
    found = found_with("ApiKey hush", token_file=key, server_key_form="api-key")

    assert found.verdict is Verdict.OK
    assert found.seen == "the key is accepted (server.key_form api-key)"


def test_a_key_in_the_wrong_form_is_told_with_the_right_one(key: Path) -> None:
    found = found_with("hush", token_file=key)

    assert found.verdict is Verdict.ERROR
    assert found.advice == "set server.key_form to x-api-key"


def test_a_wrong_key_is_an_error_and_is_not_told(key: Path) -> None:
    found = found_with("Bearer another", token_file=key)

    assert found.verdict is Verdict.ERROR
    assert "hush" not in found.seen + found.advice


def test_a_key_that_cannot_be_read_is_left_to_its_own_check(tmp_path: Path) -> None:
    found = found_with("Bearer hush", token_file=tmp_path / "none")

    assert (found.verdict, found.advice) == (Verdict.ERROR, "see `token`")


def test_its_clock_is_read_without_its_having_to_know_of_that() -> None:
    with way(morag) as (route, _):
        server_finding(route)

        assert "skew_s" in clock_finding(route).measured


def test_what_only_a_job_can_show_is_left_to_the_first_one() -> None:
    with way(morag) as (route, _):
        server_finding(route)
        ranges, download = ranges_finding(route), download_finding(route)

    assert {ranges.verdict, download.verdict} == {Verdict.NOT_APPLICABLE}
    assert "until the first download" in ranges.seen


def test_access_in_trouble_is_unknown() -> None:
    with way(lambda _: Reply(503), server_dialect="morag") as (route, _):
        assert access_finding(route).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("manners", "server", "access"),
    [
        (Manners(), Verdict.OK, Verdict.OK),
        (Manners(prefix="/rag", has_health=False, ranges=False), Verdict.OK, Verdict.OK),
        (Manners(key="hush"), Verdict.OK, Verdict.OK),
        (Manners(key="another"), Verdict.OK, Verdict.ERROR),
        (Manners(is_mounted=False), Verdict.ERROR, Verdict.UNKNOWN),
    ],
)
def test_a_job_that_waits_goes_on_waiting(
    tmp_path: Path, key: Path, manners: Manners, server: Verdict, access: Verdict
) -> None:
    stand_in = StandIn(now=time.time, manners=manners)
    (tmp_path / "talk.mp3").write_bytes(b"talk")
    stand_in.add(tmp_path / "talk.mp3", "audio")

    with background(online(stand_in)) as url:
        route = Route(Settings(server_url=url, token_file=key), {})
        results = examine(list(server_checks(route, is_thorough=False)), Blank())
        found = {result.check.name: result.finding.verdict for result in results}

    assert (found["server"], found["access"]) == (server, access)
    assert [job.status for job in stand_in.jobs] == ["pending"]
