import shutil
from importlib import metadata

import pytest

from agent.cli.doctor import software
from agent.cli.doctor.check import Verdict
from agent.cli.doctor.software import (
    Abilities,
    abilities_finding,
    clips_finding,
    decoders_finding,
    types_finding,
    walls_finding,
)
from agent.config import Settings
from agent.edges.trials import Broken
from agent.model.hardware import Hardware
from agent.model.ids import Bytes
from agent.model.work import PipelineSettings
from agent.pipelines import registry
from agent.pipelines.box.confinement import Walls
from agent.pipelines.trials.codecs import Codecs

NO_GPU = Hardware(cpu_cores=4, memory=Bytes(2**33), disk_free=Bytes(0), gpus=(), hostname="attic")
CODECS = Codecs(libraries="libavcodec 62.28", encoder="/opt/ffmpeg")
TEXT = Settings(content_types=("text",))


class Bare(Abilities):
    """A box with no extras."""

    def diarize(self, _asked: PipelineSettings) -> bool:
        return False

    def find_topics(self, _asked: PipelineSettings) -> bool:
        return False

    def read_pictures(self, _asked: PipelineSettings) -> bool:
        return False


def test_what_is_left_out_is_told_with_how_to_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == "av" else object())

    assert types_finding(TEXT, NO_GPU).seen == "takes text (capability hybrid)"
    lacking = types_finding(Settings(content_types=("audio",)), NO_GPU)
    assert lacking.verdict is Verdict.ERROR
    assert lacking.seen == "takes nothing (capability hybrid); cannot take audio"
    assert lacking.advice == "pip install 'morag-agent[fast]'"


def test_a_part_of_a_capability_may_be_missing_by_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == "cv2" else object())

    found = types_finding(Settings(capability="hybrid"), NO_GPU)

    assert found.verdict is Verdict.WARNING
    assert "cannot take video" in found.seen


def test_decoders_that_are_all_there_are_told_with_their_versions() -> None:
    found = decoders_finding(Settings(), CODECS)

    assert found.verdict is Verdict.OK
    assert f"PyAV {metadata.version('av')} with libavcodec 62.28" in found.seen


@pytest.mark.parametrize(
    ("codecs", "verdict", "words"),
    [
        (Codecs(libraries="x", lacks_decoders=("HEVC",)), Verdict.WARNING, "cannot read HEVC"),
        (Codecs(libraries="x", lacks_demuxers=("asf",)), Verdict.WARNING, "files of asf"),
        (Codecs(trouble="libavcodec.so: no such file"), Verdict.ERROR, "cannot be loaded"),
        (Broken("it crashed (SIGILL)"), Verdict.ERROR, "SIGILL"),
    ],
)
def test_decoders_that_are_missing_are_told(
    codecs: Codecs | Broken, verdict: Verdict, words: str
) -> None:
    found = decoders_finding(Settings(), codecs)

    assert found.verdict is verdict
    assert words in found.seen


def test_without_pyav_audio_cannot_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/ffmpeg")

    found = decoders_finding(Settings(content_types=("audio",)), Codecs(trouble="no av"))

    assert found.verdict is Verdict.ERROR
    assert "/usr/bin/ffmpeg is not used" in found.seen
    assert decoders_finding(TEXT, CODECS).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("codecs", "verdict"),
    [
        (CODECS, Verdict.OK),
        (Codecs(libraries="x"), Verdict.OK),
        (Codecs(libraries="x", encoder="/opt/ffmpeg", encoder_trouble="noexec"), Verdict.WARNING),
        (Broken("it hung", is_silent=True), Verdict.NOT_APPLICABLE),
    ],
)
def test_clips_need_an_encoder_that_runs(codecs: Codecs | Broken, verdict: Verdict) -> None:
    assert clips_finding(Settings(), codecs).verdict is verdict
    assert clips_finding(TEXT, codecs).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("sandbox", "verdict"),
    [("require", Verdict.ERROR), ("auto", Verdict.WARNING), ("off", Verdict.WARNING)],
)
def test_missing_walls_are_told_as_gravely_as_the_owner_wants_them(
    monkeypatch: pytest.MonkeyPatch, sandbox: str, verdict: Verdict
) -> None:
    monkeypatch.setattr(software, "state", lambda: Walls(seccomp=True))

    found = walls_finding(Settings.model_validate({"sandbox": sandbox}))

    assert found.verdict is verdict
    assert found.advice


def test_whole_walls_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "state", lambda: Walls(landlock=4, seccomp=True))

    found = walls_finding(Settings())

    assert (found.verdict, found.seen) == (
        Verdict.OK,
        "files are read behind Landlock (ABI 4) and seccomp",
    )


def test_what_results_will_lack_is_told_with_the_extras_that_bring_it() -> None:
    found = abilities_finding(Settings(), Bare())

    assert found.verdict is Verdict.OK
    assert "morag-agent[diarize,topics,images]" in found.seen


def test_what_is_there_is_told() -> None:
    assert abilities_finding(Settings()).seen == (
        "results can hold speakers, topics, text in pictures"
    )


def test_what_nobody_wants_is_not_missed() -> None:
    quiet = Settings(content_types=("text",), diarization=False)

    assert abilities_finding(quiet, Bare()).verdict is Verdict.NOT_APPLICABLE
