"""Results of every content type, as our own writers put them down, of jobs that nobody computed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.core.morag_result import Told, told
from agent.model.ids import Bytes, JobId, JsonObject
from agent.model.work import PipelineSettings, Produced, Task
from agent.pipelines.audio import rendering as audio
from agent.pipelines.audio.summary import summary_of as audio_summary
from agent.pipelines.box.running import Box
from agent.pipelines.document.content import Content, Facts, Page
from agent.pipelines.document.kinds import Kind
from agent.pipelines.document.pipeline import DocumentPipeline
from agent.pipelines.document.text import TextPipeline
from agent.pipelines.image import rendering as image
from agent.pipelines.image.analysis import Analysis as ImageAnalysis
from agent.pipelines.image.analysis import Look, ReadPage
from agent.pipelines.image.colors import Color
from agent.pipelines.image.looking import Facts as ImageFacts
from agent.pipelines.image.looking import PageSize
from agent.pipelines.ocr.engine import Box as Place
from agent.pipelines.ocr.engine import Line
from agent.pipelines.pipeline import Pipeline
from agent.pipelines.spoken.recording import Source
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.transcript import Loaded, Segment, Topic, Transcript
from agent.pipelines.video import rendering as video
from agent.pipelines.video.choosing import Scene
from agent.pipelines.video.pictures import KeyFrame, View
from agent.pipelines.video.probe import Chapter, PictureTrack, Probe, SoundTrack
from agent.pipelines.video.screen_text import ScreenText
from agent.pipelines.web.content import Link, PageFacts, WebPage
from agent.pipelines.web.pipeline import WebPipeline

SENTENCE = "We went down to the old harbour to look at the cranes and the boats."
LONG, SHORT = 400, 12
SOUND = Source(duration=None, format="mp3", codec="mp3", channels=2, sample_rate=44_100)
_EVERY = 7.0
"""Seconds between two utterances."""


@dataclass(frozen=True, slots=True)
class Result:
    """What `told` is given of one job."""

    content_type: str
    filename: str
    artifacts: dict[str, bytes]
    summary: JsonObject

    @property
    def told(self) -> Told:
        found = told(self.content_type, self.filename, self.artifacts, self.summary)
        assert found is not None
        return found


def transcript(
    length: int, *, speakers: int = 0, topics: int = 0, filename: str = "talk.mp3"
) -> Transcript:
    """`length` utterances; the first speaker says three, the next three, and so on."""
    segments = tuple(
        Segment(
            number * _EVERY + 1,
            number * _EVERY + 6,
            f"{number}. {SENTENCE}",
            speaker=f"SPEAKER_{number // 3 % speakers:02}" if speakers else None,
        )
        for number in range(length)
    )
    step = length // topics if topics else length
    return Transcript(
        filename=filename,
        segments=segments,
        language="en",
        language_probability=0.99,
        duration=length * _EVERY,
        made_by=Loaded(engine="faster-whisper", model="base", device="cpu", compute_type="int8"),
        topics=tuple(
            Topic(segments[n * step].start, segments[n * step + step - 1].end, f"Cranes {n + 1}")
            for n in range(topics)
        ),
        speech=(Span(1.0, length * _EVERY),),
        speech_detector="silero",
    )


def heard(length: int, *, speakers: int = 0, topics: int = 0) -> Result:
    said = transcript(length, speakers=speakers, topics=topics)
    return Result(
        "audio",
        said.filename,
        {"transcript.md": audio.as_markdown(said).encode()},
        audio_summary(said, SOUND, 1.5),
    )


def filmed(length: int, *, topics: int = 0, is_silent: bool = False) -> Result:
    """With chapters, key frames, and text on the screen before anybody speaks and long after."""
    said = transcript(length, speakers=2, topics=topics, filename="talk.mp4")
    if is_silent:
        said = replace(said, segments=(), topics=())
    analysis = video.Analysis(
        filename=said.filename,
        probe=_PROBE,
        view=_view(said.duration),
        transcript=said,
        sound=SOUND,
        screen_text=(
            *(ScreenText(at * 60.0, f"Slide {at} of the harbour") for at in range(length // 10)),
            ScreenText(said.duration + 60, "The End"),
        ),
    )
    return Result(
        "video",
        analysis.filename,
        {"video.md": video.as_markdown(analysis).encode()},
        video.summary_of(analysis),
    )


_PROBE = Probe(
    format="mov,mp4,m4a",
    duration=100.0,
    bit_rate=128_000,
    created="2026-01-02T03:04:05Z",
    chapters=(Chapter(0.0, 50.0, "Opening"), Chapter(50.0, 100.0, "The harbour")),
    audio=(SoundTrack("aac", 2, 44_100, "eng"),),
    subtitles=(),
    has_cover=False,
    video=PictureTrack(
        codec="h264",
        profile="High",
        width=640,
        height=360,
        rotation=0,
        rate=25.0,
        is_rate_variable=False,
        pixel_format="yuv420p",
        bits=8,
        hdr=None,
        promised=100.0,
    ),
)


def _view(duration: float) -> View:
    return View(
        duration=duration,
        frames=2500,
        frames_compared=10,
        decoder="h264",
        scenes=(Scene(0.0, duration),),
        key_frames=(KeyFrame(1.0, 0, "1.jpg", None),),
        thumbnails=(),
        sheet=None,
    )


def pictured(lines: int, *, pages: int = 1, caption: str | None = None) -> Result:
    """A scan of that many lines a page, in paragraphs of ten."""
    sizes = [PageSize(number=number, width=1000, height=2000) for number in range(1, pages + 1)]
    analysis = ImageAnalysis(
        filename="scan.tiff",
        file_size=Bytes(123_456),
        facts=ImageFacts(
            format="TIFF",
            mode="RGB",
            bits=8,
            width=1000,
            height=2000,
            page_count=pages,
            is_animated=False,
            dpi=None,
            profile=None,
            tags={"camera_make": "Acme"},
            pages=sizes,
            is_cut=False,
        ),
        look=Look((Color("#ffffff", 0.9),), "00ff", "ff00"),
        pages=tuple(ReadPage(size, _written(lines, size.number)) for size in sizes),
        reader="rapidocr" if lines else None,
        caption=caption,
    )
    return Result(
        "image",
        analysis.filename,
        {"image.md": image.as_markdown(analysis).encode()},
        image.as_summary(analysis, 0.5),
    )


def _written(lines: int, page: int) -> tuple[Line, ...]:
    tops = [number * 20.0 + number // 10 * 40 for number in range(lines)]
    return tuple(
        Line(f"{page}.{number} {SENTENCE}", 0.98, Place(10, top, 900, top + 16))
        for number, top in enumerate(tops)
    )


def documented(sections: int, folder: Path) -> Result:
    """The second section is called as the part of a text is where MoRAG thinks that it begins."""
    titles = ["Harbours", "Table of Contents", *(f"Part {n}" for n in range(3, sections + 1))]
    parts = [f"# {title}\n\n" + f"{title}: {SENTENCE} " * 12 for title in titles[:sections]]
    content = Content(
        kind=Kind.PDF,
        pages=[Page(part, number) for number, part in enumerate(parts, start=1)],
        facts=Facts(title="On Harbours", author="Ann Lee", page_count=sections, language="en"),
    )
    pipeline = DocumentPipeline(PipelineSettings(), box=_Answering(answer=content.as_json()))
    return _processed(pipeline, "document", "report.pdf", "%PDF-", folder, "document.md")


def browsed(sections: int, folder: Path, *, links: int = 3) -> Result:
    parts = [f"## Part {n}\n\n" + f"Part {n}: {SENTENCE} " * 12 for n in range(1, sections + 1)]
    page = WebPage(
        markdown="\n\n".join(parts),
        facts=PageFacts(url="https://harbours.example/old", title="Old Harbours", language="en"),
        encoding="utf-8",
        links=[Link(f"Boat {n}", f"https://harbours.example/{n}") for n in range(links)],
    )
    pipeline = WebPipeline(PipelineSettings(), box=_Answering(answer=page.as_json()))
    return _processed(pipeline, "web", "old.html", "<p>", folder, "page.md")


def noted(text: str, folder: Path, filename: str = "note.txt") -> Result:
    return _processed(TextPipeline(), "text", filename, text, folder, "document.md")


@dataclass(frozen=True)
class _Answering(Box):
    """A box that has read the file already."""

    answer: JsonObject = field(default_factory=dict)

    def read(self, *_arguments: object, **_more: object) -> JsonObject:
        return self.answer


def _processed(
    pipeline: Pipeline, content_type: str, filename: str, source: str, folder: Path, artifact: str
) -> Result:
    output = folder / "output"
    output.mkdir()
    (folder / "input").write_text(source, encoding="utf-8")
    produced: Produced = pipeline.run(
        Task(
            job_id=JobId("job-1"),
            content_type=content_type,
            input=str(folder / "input"),
            filename=filename,
            media_type=None,
            output=str(output),
            options={},
        ),
        lambda _: None,
    )
    return Result(
        content_type, filename, {artifact: (output / artifact).read_bytes()}, produced.summary
    )


def utterances(result: Result) -> Sequence[str]:
    """The lines with a time, in their order."""
    lines = result.told.content.split("\n")
    return [line for line in lines if line.startswith("[") and line[1].isdigit()]
