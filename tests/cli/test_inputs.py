import os
from pathlib import Path

import pytest

from agent.cli.exit_codes import NoInputError, UsageError
from agent.cli.inputs import content_type_of, options_of, size_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("talk.mp3", "audio"),
        ("talk.OPUS", "audio"),
        ("talk.m4a", "audio"),
        ("talk.flac", "audio"),
        ("film.mkv", "video"),
        ("film.mp4", "video"),
        ("photo.heic", "image"),
        ("photo.jpg", "image"),
        ("paper.pdf", "document"),
        ("paper.docx", "document"),
        ("page.html", "web"),
        ("notes.md", "text"),
        ("notes.txt", "text"),
        ("table.csv", "text"),
    ],
)
def test_a_files_name_says_what_it_is(name: str, kind: str) -> None:
    assert content_type_of(Path(name)) == kind


@pytest.mark.parametrize("name", ["README", "blob.bin", "archive.zip"])
def test_a_name_that_says_nothing_needs_the_type_given(name: str) -> None:
    with pytest.raises(UsageError, match="give --content-type, one of audio, video"):
        content_type_of(Path(name))
    assert content_type_of(Path(name), "audio") == "audio"


def test_a_type_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="known are audio, video, image"):
        content_type_of(Path("a.mp3"), "sound")


def test_what_only_python_calls_json_is_text() -> None:
    assert options_of(["a=NaN", "b=-Infinity"]) == {"a": "NaN", "b": "-Infinity"}


def test_options_are_json_where_they_are_and_text_otherwise() -> None:
    assert options_of(["words=true", "beam=5", "language=en", "prompt=a=b", "list=[1]"]) == {
        "words": True,
        "beam": 5,
        "language": "en",
        "prompt": "a=b",
        "list": [1],
    }


@pytest.mark.parametrize("pair", ["words", "=5"])
def test_an_option_without_name_or_value_is_told(pair: str) -> None:
    with pytest.raises(UsageError, match="write NAME=VALUE"):
        options_of([pair])


def test_files_that_cannot_be_sent_are_told(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.touch()

    with pytest.raises(NoInputError, match="No such file"):
        size_of(tmp_path / "missing.txt")
    with pytest.raises(NoInputError, match="is a folder"):
        size_of(tmp_path)
    with pytest.raises(NoInputError, match="is empty"):
        size_of(empty)


def test_what_has_no_end_is_no_file(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    for path in (fifo, Path("/dev/zero")):
        with pytest.raises(NoInputError, match="is no file but a device, FIFO or socket"):
            size_of(path)
