"""Which pipeline does which content type."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec

from agent.model.work import PipelineSettings, Produced, Task
from agent.pipelines.errors import UnsupportedMediaError
from agent.pipelines.pipeline import Pipeline, Report


class Pipelines:
    """The pipelines of one process; a heavy one is made at the first task that needs it."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._made: dict[str, Pipeline] = {}

    def run(self, task: Task, report: Report) -> Produced:
        if task.content_type not in _FACTORIES:
            known = ", ".join(sorted(_FACTORIES))
            raise UnsupportedMediaError(
                f"no pipeline does {task.content_type[:60]!r}; there are {known}."
            )
        return self._pipeline(task.content_type).run(task, report)

    def prepare(self) -> tuple[str, ...]:
        """Make the light ones, and return the content types that this box can do."""
        possible = possible_content_types(self._settings)
        for content_type in _LIGHT.intersection(possible):
            self._pipeline(content_type)
        return possible

    def _pipeline(self, content_type: str) -> Pipeline:
        if content_type not in self._made:
            self._made[content_type] = _FACTORIES[content_type](self._settings)
        return self._made[content_type]


def run_task(task: Task, settings: PipelineSettings, report: Report) -> Produced:
    """One task in this very process, nothing kept. Raises `PipelineError`."""
    return Pipelines(settings).run(task, report)


def possible_content_types(settings: PipelineSettings) -> tuple[str, ...]:
    """What this box can do, judged without importing anything heavy."""
    return tuple(name for name, is_possible in _POSSIBLE.items() if is_possible(settings))


def _text(_settings: PipelineSettings) -> Pipeline:
    from agent.pipelines.document.text import TextPipeline

    return TextPipeline()


def _audio(settings: PipelineSettings) -> Pipeline:
    from agent.pipelines.audio.pipeline import AudioPipeline

    return AudioPipeline(settings)


def _text_is_possible(_settings: PipelineSettings) -> bool:
    return find_spec("charset_normalizer") is not None


def _audio_is_possible(settings: PipelineSettings) -> bool:
    from agent.pipelines.models.choice import describe_models

    return find_spec("av") is not None and describe_models(settings).is_usable


_FACTORIES: Mapping[str, Callable[[PipelineSettings], Pipeline]] = {"audio": _audio, "text": _text}
_LIGHT = frozenset({"text"})
_POSSIBLE: Mapping[str, Callable[[PipelineSettings], bool]] = {
    "audio": _audio_is_possible,
    "text": _text_is_possible,
}
