"""Which pipeline does which content type, and what each needs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from agent.model.work import PipelineSettings, Produced, Task
from agent.pipelines.errors import UnsupportedMediaError
from agent.pipelines.models.leaving import leave_gpu, return_to_gpu
from agent.pipelines.pipeline import Keeper, Pipeline, Report

_DISTRIBUTION = "morag-agent"


class Pipelines:
    """The pipelines of one process; a heavy one is made at the first task that needs it."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._made: dict[str, Pipeline] = {}

    def run(self, task: Task, report: Report) -> Produced:
        if task.content_type not in _OFFERS:
            known = ", ".join(sorted(_OFFERS))
            raise UnsupportedMediaError(
                f"no pipeline does {task.content_type[:60]!r}; there are {known}."
            )
        return self._pipeline(task.content_type).run(task, report)

    def prepare(self) -> tuple[str, ...]:
        """Make the light ones, and return the content types that this box can do."""
        possible = possible_content_types(self._settings)
        for content_type in possible:
            if _OFFERS[content_type].is_light:
                self._pipeline(content_type)
        return possible

    @property
    def held(self) -> tuple[str, ...]:
        """What is loaded, each once; several pipelines may share a model."""
        names = (name for keeper in self._keepers() for name in keeper.held)
        return tuple(dict.fromkeys(names))

    def unload(self) -> None:
        for keeper in self._keepers():
            keeper.unload()

    def leave_gpu(self) -> bool:
        """In the middle of a task; False where that cannot be done just now."""
        return leave_gpu(self._made.values())

    def return_to_gpu(self) -> None:
        return_to_gpu(self._made.values())

    def _keepers(self) -> Iterator[Keeper]:
        return (made for made in self._made.values() if isinstance(made, Keeper))

    def _pipeline(self, content_type: str) -> Pipeline:
        if content_type not in self._made:
            self._made[content_type] = _OFFERS[content_type].make(self._settings)
        return self._made[content_type]


def run_task(task: Task, settings: PipelineSettings, report: Report) -> Produced:
    """One task in this very process, nothing kept. Raises `PipelineError`."""
    return Pipelines(settings).run(task, report)


def possible_content_types(settings: PipelineSettings) -> tuple[str, ...]:
    """What this box can do, judged without importing anything heavy."""
    return tuple(name for name in _OFFERS if obstacle(name, settings) is None)


def obstacle(content_type: str, settings: PipelineSettings) -> str | None:
    """What to do before this box can compute `content_type`; None where it can."""
    offer = _OFFERS.get(content_type)
    if offer is None:
        return f"wait for a release with a pipeline for {content_type}"
    if any(find_spec(module) is None for module in offer.modules):
        return f"pip install '{_DISTRIBUTION}[{offer.extra}]'"
    if offer.is_boxed and settings.sandbox == "require" and not _has_walls():
        return "use Linux 5.13 or newer with Landlock, or set limits.sandbox to auto"
    return offer.obstacle(settings)


def _has_walls() -> bool:
    from agent.pipelines.box.confinement import state

    return state().are_whole


def _nothing(_settings: PipelineSettings) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """How one content type is done."""

    make: Callable[[PipelineSettings], Pipeline]
    extra: str
    """Of our distribution; brings `modules`."""
    modules: tuple[str, ...]
    obstacle: Callable[[PipelineSettings], str | None] = _nothing
    is_light: bool = False
    """Cheap enough to be made before there is a task."""
    is_boxed: bool = True
    """It reads with libraries that a malicious file could take over."""


def _audio(settings: PipelineSettings) -> Pipeline:
    from agent.pipelines.audio.pipeline import AudioPipeline

    return AudioPipeline(settings)


def _lacks_model(settings: PipelineSettings) -> str | None:
    from agent.pipelines.models.choice import describe_models

    return describe_models(settings).advice or None


def _document(settings: PipelineSettings) -> Pipeline:
    from agent.pipelines.document.pipeline import DocumentPipeline

    return DocumentPipeline(settings)


def _image(settings: PipelineSettings) -> Pipeline:
    from agent.pipelines.image.pipeline import ImagePipeline

    return ImagePipeline(settings)


def _text(_settings: PipelineSettings) -> Pipeline:
    from agent.pipelines.document.text import TextPipeline

    return TextPipeline()


def _video(settings: PipelineSettings) -> Pipeline:
    from agent.pipelines.video.pipeline import VideoPipeline

    return VideoPipeline(settings)


def _web(settings: PipelineSettings) -> Pipeline:
    from agent.pipelines.web.pipeline import WebPipeline

    return WebPipeline(settings)


_HTML = ("charset_normalizer", "kreuzberg", "lxml")
_OFFERS: Mapping[str, _Offer] = {
    "audio": _Offer(make=_audio, extra="fast", modules=("av", "numpy"), obstacle=_lacks_model),
    "document": _Offer(
        make=_document,
        extra="documents",
        modules=(*_HTML, "pdfplumber", "pypdfium2"),
        is_light=True,
    ),
    "image": _Offer(make=_image, extra="images", modules=("PIL", "numpy")),
    "text": _Offer(
        make=_text,
        extra="fast",
        modules=("charset_normalizer",),
        is_light=True,
        is_boxed=False,
    ),
    "video": _Offer(
        make=_video, extra="video", modules=("av", "cv2", "numpy", "PIL"), obstacle=_lacks_model
    ),
    "web": _Offer(
        make=_web,
        extra="documents",
        modules=(*_HTML, "lxml_html_clean", "trafilatura"),
        is_light=True,
    ),
}
