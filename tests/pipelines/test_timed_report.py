import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.model.work import Progress, Task
from agent.pipelines.pipeline import Pipeline
from agent.pipelines.timed_report import TimedReport
from agent.pipelines.video.pipeline import VideoPipeline
from tests.pipelines.audio import test_pipeline as audio
from tests.pipelines.audio.fake_engine import FakeEngine, everything
from tests.pipelines.conftest import MakeTask
from tests.pipelines.image import test_pipeline as image
from tests.pipelines.image.samples import photo
from tests.pipelines.video import test_pipeline as video
from tests.pipelines.video.films import film

PAUSE = 0.3


class Hands:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def test_a_pause_at_a_safe_point_is_no_computing() -> None:
    now = Hands()
    heard: list[Progress] = []

    def report(progress: Progress) -> None:
        heard.append(progress)
        now.at += 3600.0

    timed = TimedReport(report, now)
    now.at += 2.0
    timed(Progress(0.5, "half"))
    now.at += 3.0

    assert heard == [Progress(0.5, "half")]
    assert timed.seconds == 5.0


def test_a_report_that_ends_the_task_ends_it() -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TimedReport(stop)(Progress(0.5, "half"))


def _audio(make_task: MakeTask, fox: Path) -> tuple[Pipeline, Task, str]:
    return audio.pipeline(FakeEngine(everything)), make_task("audio", fox), "transcript.json"


def _image(make_task: MakeTask, fox: Path) -> tuple[Pipeline, Task, str]:
    picture = fox.parent / "photo.png"
    photo(1).save(picture)
    return image.pipeline(image.FakeOcr()), make_task("image", picture), "image.json"


def _video(make_task: MakeTask, fox: Path) -> tuple[Pipeline, Task, str]:
    made = VideoPipeline(video.SETTINGS, video.load, video.load_reader)
    task = make_task("video", film(fox.parent / "talk.mp4", sound=fox), **video.QUICK)
    return made, task, "video.json"


@pytest.mark.parametrize("make", [_audio, _image, _video])
def test_no_pipeline_tells_a_pause_as_computing(
    make: Callable[[MakeTask, Path], tuple[Pipeline, Task, str]], make_task: MakeTask, fox: Path
) -> None:
    pauses: list[float] = []

    def report(_: Progress) -> None:
        if len(pauses) < 2:
            pauses.append(PAUSE)
            time.sleep(PAUSE)

    pipeline, task, name = make(make_task, fox)
    begun = time.monotonic()
    produced = pipeline.run(task, report)
    most = time.monotonic() - begun - sum(pauses)

    assert pauses
    assert json.loads((Path(task.output) / name).read_text())["process_s"] <= most
    told = produced.summary["processing_time"]
    assert isinstance(told, float)
    assert told <= most
