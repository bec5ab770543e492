import os
from pathlib import Path

import av
import imageio_ffmpeg
import pytest

from agent.edges.trials import Trial
from agent.pipelines.trials.codecs import Codecs, lacking_decoders, lacking_demuxers, look


def test_the_ffmpeg_of_this_box_reads_all_that_people_have() -> None:
    found = look()

    assert (found.lacks_decoders, found.lacks_demuxers, found.trouble) == ((), (), "")
    assert found.libraries.startswith("libavcodec ")
    assert found.encoder is not None
    assert found.encoder_trouble == ""


def test_what_a_small_build_lacks_is_told_by_its_usual_name() -> None:
    assert lacking_decoders(lambda name: name not in {"hevc", "aac"}) == ("HEVC", "AAC")
    assert "asf" in lacking_demuxers(["mov,mp4,m4a", "matroska,webm"])
    assert "mov" not in lacking_demuxers(["mov,mp4,m4a", "matroska,webm"])
    assert lacking_demuxers(av.formats_available) == ()


def test_an_encoder_that_does_not_run_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(program))
    assert look().encoder_trouble == "it ends with status 3"

    program.chmod(0o644)
    assert "Permission denied" in look().encoder_trouble


def test_without_any_encoder_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)

    assert look().encoder_trouble == "No ffmpeg exe could be found."


def test_in_a_process_of_its_own_it_answers_as_here() -> None:
    trial = Trial("agent.pipelines.trials.codecs", Codecs)

    assert trial.run(dict(os.environ), 60.0) == look()
