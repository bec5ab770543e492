import os
from pathlib import Path

import av
import pytest

from agent.edges.trials import Trial
from agent.pipelines.trials import films
from agent.pipelines.trials.films import PICTURES, Filming, look, shoot


def no_load(name: str) -> object:
    raise OSError(f"{name}: cannot open shared object file")


def test_the_film_is_a_real_one_in_h264(tmp_path: Path) -> None:
    shoot(tmp_path / "film.mp4")

    with av.open(str(tmp_path / "film.mp4")) as container:
        (stream,) = container.streams.video
        assert stream.codec_context.name == "h264"
        assert len(list(container.decode(stream))) == PICTURES


def test_decoded_right_every_picture_has_its_brightness() -> None:
    assert look(on_gpu=False) == Filming(decoder="software", is_right=True)


def test_wrong_pictures_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "_BRIGHTNESSES", range(40, 40 + 15 * PICTURES, 15))
    plain = films.shoot

    def shoot_darker(film: Path) -> None:
        with monkeypatch.context() as darker:
            darker.setattr(films, "_BRIGHTNESSES", [30] * PICTURES)
            plain(film)

    monkeypatch.setattr(films, "shoot", shoot_darker)

    assert not look(on_gpu=False).is_right


def test_without_a_gpu_the_reason_is_told_and_the_film_seen_all_the_same() -> None:
    found = look(no_load)

    assert found.decoder.startswith("software (")
    assert found.is_right
    assert found.library == "libnvcuvid.so.1: cannot open shared object file"


def test_a_library_without_the_encoder_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "_ENCODER", "no-such-encoder")

    assert "no-such-encoder" in look(on_gpu=False).trouble


def test_in_a_process_of_its_own_it_answers() -> None:
    found = Trial("agent.pipelines.trials.films", Filming).run(dict(os.environ), 60.0)

    assert isinstance(found, Filming)
    assert found.is_right
