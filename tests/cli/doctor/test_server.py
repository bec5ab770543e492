from pathlib import Path

import httpx
import pytest
import respx

from agent.cli.doctor.check import Finding, Verdict
from agent.cli.doctor.route import Route
from agent.cli.doctor.server import (
    access_finding,
    clock_finding,
    download_finding,
    ranges_finding,
    rate_finding,
    server_checks,
    server_finding,
    upload_finding,
)
from agent.config import Settings
from agent.edges.path_trial import Rate
from tests.cli.served import Served
from tests.edges.background import background
from tests.edges.plain_server import plain_server

BASE = "http://127.0.0.1:8080"


def way(server: Served, agent_id: str = "attic", owner: str = "attic") -> Route:
    token = server.token("--agent", owner)
    settings = Settings(server_url=server.url, token_file=token, agent_id=agent_id)
    return Route(settings, {})


def test_the_embedded_server_is_fine_in_every_respect(server: Served) -> None:
    route = way(server)

    for look in (server_finding, clock_finding, access_finding, ranges_finding):
        assert look(route).verdict is Verdict.OK, look
    for measure in (download_finding, upload_finding):
        found = measure(route)
        assert found.verdict is Verdict.OK
        assert float(found.measured["bytes_per_s"]) > 0


def test_the_server_is_told_with_its_version_and_how_fast_it_answers(server: Served) -> None:
    found = server_finding(way(server))

    assert f"{server.url}, version 0.1.0, answers in" in found.seen
    assert found.measured["http"] == "HTTP/1.1"


def test_the_token_of_another_agent_is_refused(server: Served) -> None:
    found = access_finding(way(server, agent_id="cellar"))

    assert found.verdict is Verdict.ERROR
    assert "token create --agent cellar" in found.advice


def test_without_a_token_nothing_is_tried(server: Served) -> None:
    found = access_finding(Route(Settings(server_url=server.url, agent_id="attic"), {}))

    assert found.verdict is Verdict.ERROR
    assert "token create --agent attic" in found.advice


def test_an_agent_that_runs_is_not_disturbed(server: Served) -> None:
    route = way(server, agent_id="busy", owner="busy")
    url = f"{server.url}/v1/agents/busy"
    bearer = {"Authorization": f"Bearer {server.token('--agent', 'busy').read_text().strip()}"}
    hello = {"boot_id": "b1", "capability": "cpu", "content_types": ["text"], "slots": 1}
    httpx.put(url, json=hello, headers=bearer).raise_for_status()

    found: list[Finding] = [
        look(route) for look in (server_finding, clock_finding, access_finding, ranges_finding)
    ]

    poll = {"boot_id": "b1", "request_id": "r1", "wait_s": 0, "free_slots": 0}
    answer = httpx.post(f"{url}/poll", json=poll, headers=bearer)
    assert all(one.verdict is Verdict.OK for one in found)
    assert answer.status_code == 200


def test_a_clock_that_is_wrong_is_told_with_what_it_is_needed_for() -> None:
    with background(plain_server(date="Wed, 01 Jan 2020 00:00:00 GMT")) as port:
        found = clock_finding(Route(Settings(server_url=f"http://127.0.0.1:{port}"), {}))

    assert found.verdict is Verdict.WARNING
    assert "NTP" in found.advice
    assert float(found.measured["skew_s"]) < -100_000


def test_a_server_that_tells_no_time_is_no_error() -> None:
    with background(plain_server(date="no date")) as port:
        found = clock_finding(Route(Settings(server_url=f"http://127.0.0.1:{port}"), {}))

    assert found.verdict is Verdict.UNKNOWN


def test_another_server_without_trials_is_left_in_peace() -> None:
    with background(plain_server()) as port:
        route = Route(Settings(server_url=f"http://127.0.0.1:{port}"), {})

        for look in (ranges_finding, download_finding, upload_finding):
            assert look(route).verdict is Verdict.NOT_APPLICABLE, look


@respx.mock(base_url=BASE)
def test_a_server_in_trouble_is_told_and_judged_no_further(
    respx_mock: respx.MockRouter, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("t")
    respx_mock.route().respond(500)
    route = Route(Settings(server_url=BASE, token_file=tmp_path / "token"), {})

    assert server_finding(route).verdict is Verdict.ERROR
    assert access_finding(route).seen.startswith("cannot tell: ")
    assert ranges_finding(route).verdict is Verdict.UNKNOWN
    assert download_finding(route).verdict is Verdict.WARNING


@pytest.mark.parametrize(
    ("status", "headers", "verdict"),
    [
        (200, {"ETag": '"a"'}, Verdict.WARNING),
        (206, {}, Verdict.ERROR),
    ],
)
@respx.mock(base_url=BASE)
def test_parts_of_files_that_do_not_come_as_such_are_told(
    respx_mock: respx.MockRouter, status: int, headers: dict[str, str], verdict: Verdict
) -> None:
    respx_mock.get("/v1/trial").respond(status, content=b"something", headers=headers)

    found = ranges_finding(Route(Settings(server_url=BASE), {}))

    assert found.verdict is verdict
    assert found.advice


def test_a_line_that_is_too_slow_for_media_is_told() -> None:
    assert rate_finding(Rate(10**6, 20.0), "comes").verdict is Verdict.WARNING
    fast = rate_finding(Rate(64 * 10**6, 2.0), "goes")
    assert (fast.verdict, fast.seen) == (Verdict.OK, "64 MB goes at 32.0 MB/s")


def test_what_takes_minutes_is_for_the_thorough() -> None:
    route = Route(Settings(), {})
    quick = {check.name: check for check in server_checks(route, is_thorough=False)}
    whole = {check.name: check for check in server_checks(route, is_thorough=True)}

    assert list(quick) == list(whole)
    assert quick["silence"].look().seen == "measured by doctor --thorough"
    assert whole["silence"].wants_quiet
    assert whole["silence"].deadline > 120
