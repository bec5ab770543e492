import threading

from agent.cli.doctor.check import Finding, Group, Verdict, error, ok, warning
from agent.cli.doctor.examination import examine
from agent.cli.doctor.route import Route
from agent.cli.doctor.watching import Blank
from agent.config import Settings


def route(url: str = "https://morag.example.org/gpu", **environ: str) -> Route:
    return Route(Settings(server_url=url), environ)


def test_where_one_step_fails_the_next_are_not_tried() -> None:
    way = route()
    steps = [
        way.step(Group.NETWORK, "dns", lambda _: warning("slow", "wait")),
        way.step(Group.NETWORK, "connect", lambda _: error("refused", "start it")),
        way.step(Group.SERVER, "server", lambda _: ok("fine")),
        way.step(Group.SERVER, "download", lambda _: ok("fast"), lane="m", wants_quiet=True),
    ]

    found = [result.finding for result in examine(steps, Blank())]

    assert [one.verdict for one in found] == [
        Verdict.WARNING,
        Verdict.ERROR,
        Verdict.UNKNOWN,
        Verdict.UNKNOWN,
    ]
    assert found[2].seen == found[3].seen == "not tried, for want of `connect`"


def test_a_step_that_hangs_stands_in_the_way_too() -> None:
    way, never = route(), threading.Event()

    def hang(_: Route) -> Finding:
        never.wait()
        return ok("")

    steps = [
        way.step(Group.NETWORK, "dns", hang, deadline=0.2),
        way.step(Group.NETWORK, "connect", lambda _: ok("fine")),
    ]
    found = [result.finding.seen for result in examine(steps, Blank())]
    never.set()

    assert found == ["no answer within 0.2 s", "not tried, for want of `dns`"]


def test_measurements_beside_each_other_do_not_stand_in_each_others_way() -> None:
    way, first = route(), threading.Event()

    def silent(_: Route) -> Finding:
        first.wait(5)
        return ok("silent")

    def fast(_: Route) -> Finding:
        first.set()
        return ok("fast")

    steps = [
        way.step(Group.SERVER, "silence", silent, lane="silence", wants_quiet=True),
        way.step(Group.SERVER, "download", fast, lane="measuring", wants_quiet=True),
    ]

    assert [result.finding.seen for result in examine(steps, Blank())] == ["silent", "fast"]


def test_the_first_whom_we_connect_to_is_the_proxy_where_there_is_one() -> None:
    assert str(route().first) == "morag.example.org:443"
    assert str(route(HTTPS_PROXY="http://proxy.lan:3128").first) == "proxy.lan:3128"
    assert route(HTTPS_PROXY="http://p:1", NO_PROXY="example.org").proxy is None
