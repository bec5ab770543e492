import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import psutil
import pytest

from agent.model.failures import FailureCode
from agent.model.ids import JobId, Seconds
from agent.model.work import (
    BadFrameError,
    Failed,
    FromChild,
    GoOn,
    Progress,
    Returned,
    StepBack,
    SteppedBack,
    Task,
    encode,
)
from agent.pipelines.frames import Frames
from agent.pipelines.safe_points import SafePoints, TaskStoppedError

TASK = Task(
    job_id=JobId("j1"),
    content_type="audio",
    input="in",
    filename="in",
    media_type=None,
    output="out",
    options={},
)


@dataclass
class Child:
    """What a safe point is between: the agent's end of the pipe, and models that know."""

    agent: socket.socket
    frames: Frames
    calls: list[str] = field(default_factory=list)
    said: list[FromChild] = field(default_factory=list)
    on_said: Callable[[], None] = lambda: None
    can_leave: list[bool] = field(default_factory=list)
    error: Exception | None = None
    now: float = 0.0

    def tell(self, *frames: StepBack | GoOn | Task | Progress) -> None:
        for frame in frames:
            self.agent.sendall(encode(frame))

    def send(self, frame: FromChild) -> None:
        self.said.append(frame)
        self.on_said()

    def leave_gpu(self) -> bool:
        self.calls.append("leave")
        return self.can_leave.pop(0) if self.can_leave else True

    def return_to_gpu(self) -> None:
        self.calls.append("return")
        if self.error is not None:
            raise self.error

    def unload(self) -> None:
        self.calls.append("unload")

    def safe_points(self, stop_after: Seconds | None = None) -> SafePoints:
        points = SafePoints(self.frames, self, self.send, lambda: self.now)
        points.begin(replace(TASK, stop_after=stop_after))
        return points


@pytest.fixture
def child() -> Iterator[Child]:
    here, there = socket.socketpair()
    with here, there:
        yield Child(here, Frames(there))


def test_nothing_happens_where_the_agent_says_nothing(child: Child) -> None:
    child.safe_points().look()
    assert child.calls == []
    assert child.said == []


def test_it_leaves_says_so_waits_and_comes_back(child: Child) -> None:
    child.on_said = lambda: child.tell(GoOn())
    points = child.safe_points()
    child.tell(StepBack(7))

    points.look()

    assert child.calls == ["leave", "return"]
    assert child.said == [SteppedBack(7)]


def test_a_request_that_was_taken_back_in_time_moves_nothing(child: Child) -> None:
    points = child.safe_points()
    child.tell(StepBack(1), GoOn())
    points.look()
    assert child.calls == []
    assert child.said == []


def test_each_request_that_stands_is_answered(child: Child) -> None:
    def then() -> None:
        child.tell(*((GoOn(), StepBack(2)) if len(child.said) == 1 else (GoOn(),)))

    child.on_said = then
    points = child.safe_points()
    child.tell(StepBack(1))

    points.look()

    assert child.said == [SteppedBack(1), SteppedBack(2)]
    assert child.calls == ["leave", "return"]


def test_models_that_cannot_leave_just_now_do_so_at_the_next_point(child: Child) -> None:
    child.can_leave = [False, True]
    child.on_said = lambda: child.tell(GoOn())
    points = child.safe_points()
    child.tell(StepBack(1))

    points.look()
    assert child.said == []
    points.look()
    assert child.said == [SteppedBack(1)]
    assert child.calls == ["leave", "return", "leave", "return"]


def test_a_way_back_that_is_closed_hands_the_task_back_and_keeps_nothing(child: Child) -> None:
    child.error = RuntimeError("CUDA failed with error out of memory")
    child.on_said = lambda: child.tell(GoOn())
    points = child.safe_points()
    child.tell(StepBack(1))

    with pytest.raises(TaskStoppedError) as stopped:
        points.look()

    outcome = stopped.value.outcome
    assert isinstance(outcome, Returned)
    assert outcome.reason.startswith("gpu_unavailable: ")
    assert not outcome.is_box_fault
    assert child.calls == ["leave", "return", "unload"]


def test_a_task_ends_at_the_first_point_after_its_time(child: Child) -> None:
    points = child.safe_points(stop_after=Seconds(60.0))
    child.now = 60.0
    points.look()
    child.now = 60.1
    with pytest.raises(TaskStoppedError) as stopped:
        points.look()

    outcome = stopped.value.outcome
    assert isinstance(outcome, Failed)
    assert outcome.code is FailureCode.TIMEOUT


def test_the_time_of_a_pause_is_nobodys(child: Child) -> None:
    def an_hour_later() -> None:
        child.now += 3600.0
        child.tell(GoOn())

    child.on_said = an_hour_later
    points = child.safe_points(stop_after=Seconds(60.0))
    child.tell(StepBack(1))
    child.now = 50.0
    points.look()
    child.now += 10.0
    points.look()
    child.now += 0.1
    with pytest.raises(TaskStoppedError):
        points.look()


def test_what_was_started_for_the_task_stands_still_meanwhile(child: Child) -> None:
    seen: list[str] = []
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as box:
        process = psutil.Process(box.pid)

        def look() -> None:
            until = time.monotonic() + 5.0
            while process.status() != psutil.STATUS_STOPPED and time.monotonic() < until:
                time.sleep(0.001)
            seen.append(process.status())
            child.tell(GoOn())

        child.on_said = look
        points = child.safe_points()
        child.tell(StepBack(1))
        points.look()
        seen.append(process.status())
        box.kill()

    assert seen[0] == psutil.STATUS_STOPPED
    assert seen[1] != psutil.STATUS_STOPPED


def test_an_idle_child_gives_all_of_it_back_at_once(child: Child) -> None:
    child.safe_points().step_back_idle(StepBack(3))
    assert child.calls == ["unload"]
    assert child.said == [SteppedBack(3)]


def test_an_agent_that_has_gone_ends_the_task(child: Child) -> None:
    points = child.safe_points()
    child.tell(StepBack(1))
    child.on_said = child.agent.close
    with pytest.raises(TaskStoppedError):
        points.look()


def test_a_task_that_comes_early_waits_for_its_turn(child: Child) -> None:
    points = child.safe_points()
    child.tell(TASK)
    points.look()
    points.look()
    assert child.frames.take() == TASK


@pytest.mark.parametrize("frame", [TASK, Progress(0.5, "")])
def test_nonsense_for_a_child_that_waits_is_told_as_such(
    frame: Task | Progress, child: Child
) -> None:
    points = child.safe_points()
    child.on_said = lambda: child.tell(frame)
    child.tell(StepBack(1))
    with pytest.raises(BadFrameError):
        points.look()


def test_the_next_task_does_not_wait_for_the_one_before_it(child: Child) -> None:
    child.can_leave = [False]
    points = child.safe_points()
    child.tell(StepBack(1))
    points.look()
    points.begin(TASK)
    points.look()
    assert child.said == []
