from collections.abc import Callable
from pathlib import Path

import pytest

from agent.model.ids import JsonObject
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.running import Box
from agent.pipelines.errors import MediaUnreadableError, TooLargeError
from agent.pipelines.image.looking import look
from agent.pipelines.image.wanted import Wanted
from tests.pipelines.image.samples import corners_of, huge_png, look_alike, quarters

WANTED = Wanted(most_pixels=10**8, most_pages=5)
HONEST: JsonObject = {
    "format": "PNG",
    "mode": "RGB",
    "bits": 8,
    "width": 2,
    "height": 1,
    "page_count": 1,
    "is_animated": False,
    "dpi": None,
    "profile": None,
    "tags": {"iso": 100, "camera_make": "Maker"},
    "pages": [{"number": 1, "width": 2, "height": 1}],
    "is_cut": False,
}


class TakenOverBox(Box):
    """Says and leaves in scratch whatever it likes."""

    def __init__(self, answer: JsonObject, left: bytes = b"\1\2\3\4\5\6") -> None:
        super().__init__()
        object.__setattr__(self, "answer", answer)
        object.__setattr__(self, "left", left)

    answer: JsonObject
    left: bytes

    def read(  # noqa: PLR0913 - what it stands in for has them
        self,
        reader: str,
        file: Path,
        scratch: Path,
        arguments: JsonObject | None = None,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        on_told: Callable[[float], None] = lambda _: None,
        gpu: bool = False,
    ) -> JsonObject:
        del reader, file, arguments, limits, on_told, gpu
        (scratch / "page-0.rgb").write_bytes(self.left)
        return self.answer


def test_a_file_is_decoded_in_a_box_and_its_pixels_come_back(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    quarters().save(tmp_path / "input", "PNG")
    told: list[float] = []

    picture = look(Box(), tmp_path / "input", scratch, WANTED, told.append)

    assert (picture.facts.width, picture.facts.height) == (96, 64)
    assert look_alike(corners_of(picture.pixels(0)))
    assert told == [0]


def test_a_bomb_is_refused_with_the_right_code(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(huge_png(30_000, 30_000))

    with pytest.raises(TooLargeError, match="900 megapixels; the limit of this machine is 100"):
        look(Box(), tmp_path / "input", tmp_path, WANTED, lambda _: None)


def test_an_honest_answer_is_taken(tmp_path: Path) -> None:
    picture = look(TakenOverBox(HONEST), tmp_path, tmp_path, WANTED, lambda _: None)

    assert picture.pixels(0).tolist() == [[[1, 2, 3], [4, 5, 6]]]


@pytest.mark.parametrize(
    "lie",
    [
        {"width": 0},
        {"width": "2"},
        {"format": "P" * 1000},
        {"pages": []},
        {"pages": [{"number": 1, "width": -2, "height": -1}]},
        {"pages": [{"number": 1, "width": 2}]},
        {"tags": {"iso": float("nan")}},
        {"tags": {"iso": [1]}},
        {"tags": {"a": "x" * 1000}},
        {"dpi": [300]},
        {"more": 1},
    ],
)
def test_an_answer_that_makes_no_sense_is_not(tmp_path: Path, lie: JsonObject) -> None:
    with pytest.raises(MediaUnreadableError, match="made no sense"):
        look(TakenOverBox(HONEST | lie), tmp_path, tmp_path, WANTED, lambda _: None)


@pytest.mark.parametrize(
    ("size", "left"),
    [((2, 1), b"12345"), ((2, 1), b"1234567"), ((60_000, 60_000), b"123456")],
)
def test_pixels_that_are_not_as_promised_are_refused(
    tmp_path: Path, size: tuple[int, int], left: bytes
) -> None:
    page: JsonObject = {"number": 1, "width": size[0], "height": size[1]}
    box = TakenOverBox(HONEST | {"pages": [page]}, left)
    picture = look(box, tmp_path, tmp_path, WANTED, lambda _: None)

    with pytest.raises(MediaUnreadableError, match="the reader of the image kept"):
        picture.pixels(0)


def test_a_link_in_place_of_pixels_is_not_followed(tmp_path: Path) -> None:
    picture = look(TakenOverBox(HONEST), tmp_path, tmp_path, WANTED, lambda _: None)
    (tmp_path / "page-0.rgb").rename(tmp_path / "secret")
    (tmp_path / "page-0.rgb").symlink_to(tmp_path / "secret")

    with pytest.raises(MediaUnreadableError, match="left no"):
        picture.pixels(0)


def test_many_large_pages_fit_into_the_scratch_folder(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    page = quarters(3600, 2400).quantize(4)
    page.save(
        tmp_path / "input", "TIFF", save_all=True, append_images=[page] * 2, compression="packbits"
    )

    picture = look(Box(), tmp_path / "input", scratch, WANTED, lambda _: None)

    assert len(picture.facts.pages) == 3
    assert look_alike(corners_of(picture.pixels(2)))
