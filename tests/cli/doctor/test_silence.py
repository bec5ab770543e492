import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.cli.doctor.check import Verdict
from agent.cli.doctor.route import Route
from agent.cli.doctor.silence import judged, silence_finding
from agent.config import Settings
from agent.edges.path_trial import Silence
from tests.cli.served import Served
from tests.edges.background import background
from tests.edges.middlebox import Manner, middlebox
from tests.edges.plain_server import plain_server


def lived(*lengths: float) -> list[Silence]:
    return [Silence(length, length) for length in lengths]


def cut(length: float, after: float) -> Silence:
    return Silence(length, after, "the server answered 504")


def forgotten(*lengths: float) -> list[Silence]:
    return [Silence(one, one, "nothing came any more", is_forgotten=True) for one in lengths]


def test_silence_that_nobody_cuts_is_fine() -> None:
    found = judged(lived(10, 60, 120))

    assert found.verdict is Verdict.OK
    assert found.seen == "a silent request lives for 120 s at least; polls take 25"
    assert found.measured == {"lived_s": 120}


@pytest.mark.parametrize(
    ("found", "verdict", "seen"),
    [
        ([*lived(10), cut(30, 20.1)], Verdict.WARNING, "is cut after 20 s (the server answered"),
        ([*lived(10, 25), cut(45, 40.2)], Verdict.OK, "polls of 25 s fit, of 50 s not"),
        ([*lived(10, 55), cut(120, 60.1)], Verdict.OK, "every poll fits"),
        ([*lived(10), *forgotten(20, 120)], Verdict.WARNING, "is cut between 10 and 20 s"),
        ([*lived(10, 35), *forgotten(45, 55)], Verdict.OK, "between 35 and 45 s"),
        (forgotten(10, 20), Verdict.WARNING, "between 0 and 10 s"),
    ],
)
def test_what_cuts_silence_is_judged_by_the_length_of_a_poll(
    found: list[Silence], verdict: Verdict, seen: str
) -> None:
    finding = judged(found)

    assert finding.verdict is verdict
    assert seen in finding.seen
    assert (finding.advice != "") is (verdict is Verdict.WARNING)


@settings(deadline=None)
@given(st.lists(st.floats(1, 120), min_size=1, unique=True), st.floats(1, 120))
def test_a_limit_is_never_told_longer_than_it_is(lengths: list[float], limit: float) -> None:
    found = [
        Silence(one, one) if one < limit else Silence(one, one, "gone", is_forgotten=True)
        for one in (*lengths, 120.0)
    ]

    told = judged(found)

    assert float(told.measured["lived_s"]) <= limit + 0.05
    assert told.verdict is Verdict.WARNING or limit >= 25


@pytest.fixture
def attic(server: Served) -> str:
    return server.token("--agent", "attic").read_text().strip()


def route(port: int, token: str) -> Route:
    way = Route(Settings(server_url=f"http://127.0.0.1:{port}"), {})
    way.use(token)
    return way


@pytest.mark.parametrize("manner", [Manner.HANG_UP, Manner.ANSWER])
def test_a_middlebox_on_the_way_is_found_out(server: Served, attic: str, manner: Manner) -> None:
    port = int(server.url.rpartition(":")[2])

    with background(middlebox(port, 2.0, manner)) as between:
        finding = silence_finding(route(between.port, attic), [0.5, 20.0])

    assert finding.verdict is Verdict.WARNING
    assert "is cut after 2 s" in finding.seen


def test_without_a_middlebox_silence_is_left_alone(server: Served, attic: str) -> None:
    port = int(server.url.rpartition(":")[2])

    assert silence_finding(route(port, attic), [0.2, 0.5]).verdict is Verdict.OK


def test_a_server_without_trials_is_asked_for_idle_connections() -> None:
    with background(plain_server(patience=1.0)) as port:
        finding = silence_finding(route(port, "t"), [0.3, 2.0])

    assert finding.verdict is Verdict.OK
    assert "an idle connection lives for 0 s, and for 2 s no more" in finding.seen
    assert "offers no trial" in finding.seen
