import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agent.model.ids import JsonObject
from agent.model.work import PipelineSettings, Produced, Progress, Task
from agent.pipelines.errors import (
    EngineUnavailableError,
    MediaUnreadableError,
    OptionsInvalidError,
    TooLargeError,
)
from agent.pipelines.image.models import Models
from agent.pipelines.image.pipeline import ImagePipeline
from agent.pipelines.ocr.engine import Box, Line, Ocr, Pixels
from agent.pipelines.registry import run_task
from tests.pages import Text, column, page
from tests.pipelines.conftest import MakeTask
from tests.pipelines.image.samples import GREEN, RED, photo, quarters
from tests.pipelines.image.test_reading import tagged
from tests.pipelines.image.tiny_models import save_captioner

SETTINGS = PipelineSettings(device="cpu", threads=1)


class FakeOcr:
    """Reads what it was told, page after page."""

    name = "fake reader"

    def __init__(self, *pages: tuple[Line, ...]) -> None:
        self._pages = list(pages)
        self.seen: list[tuple[int, ...]] = []

    def lines(self, pixels: Pixels) -> tuple[Line, ...]:
        self.seen.append(pixels.shape)
        return self._pages.pop(0) if self._pages else ()


def written(text: str, top: float = 0, confidence: float = 0.9) -> Line:
    return Line(text, confidence, Box(0, top, 10 * len(text), top + 20))


def unreadable(_settings: PipelineSettings) -> Ocr:
    raise EngineUnavailableError("text cannot be read here: run `pip install rapidocr`.")


def pipeline(ocr: FakeOcr, settings: PipelineSettings = SETTINGS) -> ImagePipeline:
    return ImagePipeline(settings, models=Models(settings=settings, ocr_loader=lambda _: ocr))


def run(made: ImagePipeline, task: Task) -> Produced:
    return made.run(task, lambda _: None)


def told(task: Task) -> JsonObject:
    content: JsonObject = json.loads((Path(task.output) / "image.json").read_text("utf-8"))
    return content


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    quarters().save(tmp_path / "input", "PNG")
    return tmp_path / "input"


GOLDEN = """\
# Image Analysis: my sign.png

## Image Information

- **Dimensions**: 96 x 64
- **File Size**: {size} bytes
- **Format**: PNG
- **Color Space**: RGB
- **Creation Time**: 2024-05-06T07:08:09+02:00
- **Camera**: Maker Model 1
- **Dominant Colors**: #1e32c8 (25 %), #1ea028 (25 %), #dc1e1e (25 %), #f0dc28 (25 %)
- **Language**: en
- **Word Count**: 7

## Text Content (OCR)

> # Open
> from 9 to 5

> Welcome
"""


def test_the_document_has_the_layout_that_morag_reads(tmp_path: Path, make_task: MakeTask) -> None:
    quarters().save(tmp_path / "input", "PNG", exif=tagged())
    task = make_task("image", tmp_path / "input", "my sign.png", language="en")
    lines = (written("Welcome", 90), written("# Open", 0), written("from 9 to 5", 25))

    run(pipeline(FakeOcr(lines)), task)

    size = (tmp_path / "input").stat().st_size
    assert (Path(task.output) / "image.md").read_text("utf-8") == GOLDEN.format(size=size)
    assert (Path(task.output) / "text.txt").read_text() == "# Open\nfrom 9 to 5\n\nWelcome\n"


def test_everything_found_is_in_the_json(picture: Path, make_task: MakeTask) -> None:
    task = make_task("image", picture)

    run(pipeline(FakeOcr((written("Hello", 5, 0.75), written("you", 30)))), task)

    content = told(task)
    assert content["schema_version"] == 1
    assert (content["width"], content["height"], content["mode"], content["bits"]) == (
        96,
        64,
        "RGB",
        8,
    )
    assert content["ocr_engine"] == "fake reader"
    assert content["ocr_confidence"] == pytest.approx((5 * 0.75 + 3 * 0.9) / 8, abs=1e-3)
    assert content["text"] == "Hello\nyou"
    assert content["pages"] == [
        {
            "number": 1,
            "width": 96,
            "height": 64,
            "paragraphs": ["Hello\nyou"],
            "lines": [
                {"text": "Hello", "confidence": 0.75, "box": [0, 5, 50, 25]},
                {"text": "you", "confidence": 0.9, "box": [0, 30, 30, 50]},
            ],
        }
    ]
    assert len(str(content["perceptual_hash"])) == len(str(content["difference_hash"])) == 16
    assert str(picture.parent) not in json.dumps(content)


def test_the_summary_is_flat_and_small(picture: Path, make_task: MakeTask) -> None:
    produced = run(pipeline(FakeOcr((written("two words"),))), make_task("image", picture))

    summary = produced.summary
    assert summary["content_type"] == "image"
    assert (summary["width"], summary["height"], summary["pages"]) == (96, 64, 1)
    assert (summary["word_count"], summary["has_text"], summary["ocr_confidence"]) == (2, True, 0.9)
    assert summary["dominant_colors"] == ["#1e32c8", "#1ea028", "#dc1e1e"]
    assert not any(isinstance(value, dict) for value in summary.values())
    assert not {"language", "caption", "warnings"} & summary.keys()
    assert {name for name, _ in produced.artifacts} == {
        "image.md",
        "image.json",
        "text.txt",
        "thumbnail.jpg",
    }


def test_a_picture_without_text_is_a_success(picture: Path, make_task: MakeTask) -> None:
    task = make_task("image", picture)

    produced = run(pipeline(FakeOcr()), task)

    assert produced.summary["has_text"] is False
    assert "ocr_confidence" not in produced.summary
    names = {path.name for path in Path(task.output).iterdir()}
    assert names == {"image.md", "image.json", "thumbnail.jpg"}
    assert "Text Content" not in (Path(task.output) / "image.md").read_text()


def test_real_text_is_read_through_the_whole_pipeline(tmp_path: Path, make_task: MakeTask) -> None:
    left = ["Our ship left the harbor", "in heavy rain and wind"]
    right = ["Three days later we saw", "a small green island."]
    texts = [Text("News of the day", 60, 70, 44), *column(left, 60, 120), *column(right, 520, 120)]
    Image.fromarray(page(texts, height=260)).save(tmp_path / "input", "JPEG", quality=70)
    task = make_task("image", tmp_path / "input", "list.jpg")

    produced = run_task(task, SETTINGS, lambda _: None)

    assert produced.summary["ocr_engine"] == "rapidocr PP-OCRv6"
    assert (Path(task.output) / "text.txt").read_text() == (
        "News of the day\n\n" + "\n".join(left) + "\n\n" + "\n".join(right) + "\n"
    )


def test_each_page_has_a_heading_and_its_own_text(tmp_path: Path, make_task: MakeTask) -> None:
    quarters().save(tmp_path / "input", "TIFF", save_all=True, append_images=[quarters()] * 2)
    task = make_task("image", tmp_path / "input", max_pages=2)
    ocr = FakeOcr((written("first"),), (written("first"),))

    produced = run(pipeline(ocr), task)

    body = (Path(task.output) / "image.md").read_text().partition("## Text Content (OCR)\n\n")[2]
    assert body == "### Page 1\n\n> first\n\n### Page 2\n\n> first\n"
    assert len(ocr.seen) == 2
    assert produced.summary["pages"] == 3
    assert produced.summary["warnings"] == ["only 2 of 3 pages were looked at."]


def test_what_frames_repeat_is_told_once(tmp_path: Path, make_task: MakeTask) -> None:
    frames = [Image.new("RGB", (32, 32), color) for color in (RED, GREEN, RED)]
    frames[0].save(tmp_path / "input", "GIF", save_all=True, append_images=frames[1:])
    task = make_task("image", tmp_path / "input")
    once, twice = written("Loading"), written("Done", 90)

    run(pipeline(FakeOcr((once,), (once,), (once, twice))), task)

    body = (Path(task.output) / "image.md").read_text().partition("## Text Content (OCR)\n\n")[2]
    assert body == "### Frame 1\n\n> Loading\n\n### Frame 3\n\n> Done\n"
    assert len(told(task)["pages"]) == 3  # type: ignore[arg-type]


def test_unsure_lines_are_left_out_on_request(picture: Path, make_task: MakeTask) -> None:
    task = make_task("image", picture, min_confidence=0.8)

    run(pipeline(FakeOcr((written("maybe", 0, 0.7), written("surely", 30, 0.85)))), task)

    assert told(task)["text"] == "surely"


@pytest.mark.parametrize("option", ["ocr", "extract_text"])
def test_text_is_not_read_where_it_is_not_wanted(
    picture: Path, make_task: MakeTask, option: str
) -> None:
    task = make_task("image", picture, **{option: False})

    produced = run(
        ImagePipeline(SETTINGS, models=Models(settings=SETTINGS, ocr_loader=unreadable)), task
    )

    assert "warnings" not in produced.summary


def test_a_machine_that_cannot_read_says_so(picture: Path, make_task: MakeTask) -> None:
    produced = run(
        ImagePipeline(SETTINGS, models=Models(settings=SETTINGS, ocr_loader=unreadable)),
        make_task("image", picture),
    )

    assert produced.summary["warnings"] == ["text cannot be read here: run `pip install rapidocr`."]


def test_and_fails_where_reading_was_asked_for(picture: Path, make_task: MakeTask) -> None:
    with pytest.raises(EngineUnavailableError, match="pip install rapidocr"):
        run(
            ImagePipeline(SETTINGS, models=Models(settings=SETTINGS, ocr_loader=unreadable)),
            make_task("image", picture, ocr=True),
        )


def test_a_language_whose_letters_it_does_not_know_is_told(
    picture: Path, make_task: MakeTask
) -> None:
    produced = run(pipeline(FakeOcr()), make_task("image", picture, language="uk"))

    assert produced.summary["language"] == "uk"
    assert produced.summary["warnings"] == ["fake reader cannot read the letters of 'uk'."]


@pytest.mark.parametrize("option", ["caption", "generate_caption"])
def test_a_caption_that_nobody_can_give_is_refused_before_any_work(
    picture: Path, make_task: MakeTask, option: str
) -> None:
    steps: list[Progress] = []

    with pytest.raises(EngineUnavailableError, match="set `caption_model` to a folder"):
        pipeline(FakeOcr()).run(make_task("image", picture, **{option: True}), steps.append)

    assert steps == []


def test_a_machine_with_a_captioner_describes_the_picture(
    tmp_path: Path, picture: Path, make_task: MakeTask
) -> None:
    settings = replace(SETTINGS, caption_model=str(save_captioner(tmp_path / "blip")))
    made = pipeline(FakeOcr(), settings)
    task = make_task("image", picture)

    produced = run(made, task)

    document = (Path(task.output) / "image.md").read_text()
    assert document.endswith(f"\n## Visual Content\n\n{produced.summary['caption']}\n")
    assert told(task)["caption_model"] == "blip"
    assert made.held == ("fake reader", "blip")


def test_an_embedding_comes_on_request(picture: Path, make_task: MakeTask) -> None:
    task = make_task("image", picture, embedding=True)

    produced = run(pipeline(FakeOcr()), task)

    assert ("embedding.json", "application/json") in produced.artifacts
    content = json.loads((Path(task.output) / "embedding.json").read_text())
    assert content["model"] == "efficientnet-lite0"
    assert content["dimensions"] == len(content["embedding"]) == 1280


def test_models_stay_loaded_until_they_are_let_go(picture: Path, make_task: MakeTask) -> None:
    loads: list[PipelineSettings] = []

    def load(settings: PipelineSettings) -> Ocr:
        loads.append(settings)
        return FakeOcr()

    made = ImagePipeline(SETTINGS, models=Models(settings=SETTINGS, ocr_loader=load))
    task = make_task("image", picture)
    assert made.held == ()
    run(made, task)
    run(made, task)
    held = [made.held]

    made.unload()

    held.append(made.held)
    run(made, task)
    assert held == [("fake reader",), ()]
    assert len(loads) == 2


@pytest.mark.parametrize(("wanted", "size"), [(True, (320, 240)), (64, (64, 48)), (False, None)])
def test_the_thumbnail_is_as_large_as_asked(
    tmp_path: Path, make_task: MakeTask, wanted: bool | int, size: tuple[int, int] | None
) -> None:
    photo(1, 640, 480).save(tmp_path / "input", "JPEG", exif=tagged())
    task = make_task("image", tmp_path / "input", thumbnail=wanted, include_gps=True)

    run(pipeline(FakeOcr()), task)

    thumbnail = Path(task.output) / "thumbnail.jpg"
    assert thumbnail.exists() is (size is not None)
    if size:
        with Image.open(thumbnail) as shown:
            assert shown.size == size
            assert not shown.getexif()


def test_the_place_is_told_only_on_request(tmp_path: Path, make_task: MakeTask) -> None:
    photo(1).save(tmp_path / "input", "JPEG", exif=tagged())
    task = make_task("image", tmp_path / "input")
    asked = replace(task, options={"include_gps": True})

    discreet = run(pipeline(FakeOcr()), task)
    everything = "".join(path.read_text() for path in Path(task.output).glob("image.*"))
    open_hearted = run(pipeline(FakeOcr()), asked)

    assert "33.85" not in everything + str(discreet.summary)
    assert open_hearted.summary["gps_latitude"] == -33.858333
    assert "- **Location**: -33.858333, 151.21\n" in (Path(task.output) / "image.md").read_text()


def test_a_cut_off_file_is_refused_or_told(tmp_path: Path, make_task: MakeTask) -> None:
    photo(1).save(tmp_path / "whole", "JPEG")
    raw = (tmp_path / "whole").read_bytes()
    (tmp_path / "input").write_bytes(raw[: len(raw) // 2])
    task = make_task("image", tmp_path / "input")

    with pytest.raises(MediaUnreadableError, match="cut off or broken"):
        run(pipeline(FakeOcr()), task)

    partial = run(pipeline(FakeOcr()), replace(task, options={"accept_partial": True}))
    assert "cut off or broken" in str(partial.summary["warnings"])
    assert told(task)["is_partial"] is True


def test_the_owner_decides_how_large_is_too_large(picture: Path, make_task: MakeTask) -> None:
    settings = replace(SETTINGS, max_megapixels=0.005)

    with pytest.raises(TooLargeError, match=r"the limit of this machine is 0\.005"):
        run(pipeline(FakeOcr(), settings), make_task("image", picture))


def test_nothing_is_left_behind_in_the_output(picture: Path, make_task: MakeTask) -> None:
    task = make_task("image", picture)

    produced = run(pipeline(FakeOcr()), task)

    assert {path.name for path in Path(task.output).iterdir()} == {n for n, _ in produced.artifacts}


def test_progress_goes_forward(
    tmp_path: Path, make_task: MakeTask, progress: list[Progress]
) -> None:
    quarters().save(tmp_path / "input", "TIFF", save_all=True, append_images=[photo(2), photo(3)])

    pipeline(FakeOcr()).run(make_task("image", tmp_path / "input"), progress.append)

    fractions = [step.fraction for step in progress]
    assert fractions == sorted(fractions)
    assert list(dict.fromkeys(step.message for step in progress)) == [
        "decoding",
        "reading text",
        "writing",
    ]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"thumbnail": 5}, "option 'thumbnail' is 5"),
        ({"min_confidence": 2}, "option 'min_confidence' is 2"),
        ({"max_pages": 0}, "option 'max_pages' is 0"),
        ({"ocr": "yes"}, "option 'ocr' is 'yes'"),
        ({"gps": True}, "unknown option 'gps'; known are accept_partial, caption, embedding"),
        ({"ocr": True, "extract_text": False}, "unknown option 'extract_text'"),
    ],
)
def test_options_that_cannot_work_are_explained(
    picture: Path, make_task: MakeTask, options: dict[str, bool], complaint: str
) -> None:
    with pytest.raises(OptionsInvalidError, match=complaint):
        run(pipeline(FakeOcr()), make_task("image", picture, **options))


@pytest.mark.parametrize(
    ("mode", "bits", "shown"),
    [
        ("L", 8, "Grayscale"),
        ("I;16", 16, "Grayscale, 16 bit"),
        ("CMYK", 8, "CMYK"),
        ("P", 8, "Palette"),
    ],
)
def test_colour_spaces_have_names(
    tmp_path: Path, make_task: MakeTask, mode: str, bits: int, shown: str
) -> None:
    gray = np.arange(64, dtype=np.uint16 if bits == 16 else np.uint8).reshape(8, 8)
    made = Image.fromarray(gray)
    (made if bits == 16 else made.convert(mode)).save(tmp_path / "input", "TIFF")
    task = make_task("image", tmp_path / "input")

    run(pipeline(FakeOcr()), task)

    assert f"- **Color Space**: {shown}\n" in (Path(task.output) / "image.md").read_text()
