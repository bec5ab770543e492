import threading
import time
from collections.abc import Callable

from agent.cli.doctor.check import Check, Finding, Group, Result, Verdict, ok, warning
from agent.cli.doctor.examination import examine
from agent.cli.doctor.watching import Blank
from agent.model.errors import SpoolError


def check(name: str, look: Callable[[], Finding], **more: object) -> Check:
    known: dict[str, object] = {"group": Group.BOX, "name": name, "look": look, **more}
    return Check(**known)  # type: ignore[arg-type]


class Seen:
    def __init__(self) -> None:
        self.told: list[str] = []

    def began(self, check: Check) -> None:
        self.told.append(f"+{check.name}")

    def ended(self, result: Result) -> None:
        self.told.append(f"-{result.check.name}")


def test_the_results_come_in_the_order_of_the_checks() -> None:
    first = threading.Event()

    def late() -> Finding:
        first.wait(5)
        return ok("late")

    def early() -> Finding:
        first.set()
        return ok("early")

    results = examine([check("late", late), check("early", early)], Blank())

    assert [result.finding.seen for result in results] == ["late", "early"]


def test_what_hangs_is_left_behind_with_its_advice_and_the_lane_goes_on() -> None:
    never = threading.Event()

    def hang() -> Finding:
        never.wait()
        return ok("")

    hanging = check("driver", hang, lane="gpu", deadline=0.2, when_silent="restart the box")
    begun = time.monotonic()
    stuck, after = examine([hanging, check("next", lambda: ok("on"), lane="gpu")], Blank())
    never.set()

    assert time.monotonic() - begun < 5
    assert (stuck.finding.verdict, stuck.finding.advice) == (Verdict.UNKNOWN, "restart the box")
    assert stuck.finding.seen == "no answer within 0.2 s"
    assert after.finding == ok("on")


def test_checks_of_one_lane_never_run_beside_each_other() -> None:
    running: list[str] = []
    most: list[int] = []

    def look() -> Finding:
        running.append("")
        most.append(len(running))
        time.sleep(0.02)
        running.pop()
        return ok("")

    examine([check(f"c{number}", look, lane="disk") for number in range(4)], Blank())

    assert max(most) == 1


def test_what_measures_waits_until_the_others_are_done() -> None:
    done: list[str] = []

    def slow() -> Finding:
        time.sleep(0.1)
        done.append("slow")
        return ok("")

    def measure() -> Finding:
        return ok(",".join(done))

    measured, _ = examine([check("m", measure, wants_quiet=True), check("s", slow)], Blank())

    assert measured.finding.seen == "slow"


def test_trouble_and_bugs_of_one_check_do_not_hide_the_others() -> None:
    def troubled() -> Finding:
        raise SpoolError("the disk is away")

    def broken() -> Finding:
        return ok(str(1 // 0))

    trouble, bug, fine = examine(
        [check("a", troubled), check("b", broken), check("c", lambda: warning("w", "do"))], Blank()
    )

    assert trouble.finding.verdict is Verdict.UNKNOWN
    assert "the disk is away" in trouble.finding.seen
    assert bug.finding.verdict is Verdict.ERROR
    assert "ZeroDivisionError" in bug.finding.seen
    assert fine.finding.verdict is Verdict.WARNING


def test_who_watches_is_told_of_each_begin_and_end() -> None:
    seen = Seen()

    results = examine([check("a", lambda: ok("")), check("b", lambda: ok(""))], seen)

    assert sorted(seen.told) == ["+a", "+b", "-a", "-b"]
    assert all(result.took >= 0 for result in results)
