"""Loads the engine that the settings name."""

from collections.abc import Collection

from agent.model.work import PipelineSettings
from agent.pipelines.audio.engines.engine import Engine, Tell
from agent.pipelines.models.choice import EngineName, choose_engine


def load_engine(
    settings: PipelineSettings,
    *,
    is_frugal: bool = False,
    unfit: Collection[str] = (),
    tell: Tell = lambda _said: None,
) -> Engine:
    """Takes seconds, and memory until the process ends; minutes where the model is fetched first.

    Frugally it takes less memory where there is a smaller form of the weights. openai-whisper has
    none: it saves only on what a request takes. `unfit` are compute types not to be used.
    """
    if choose_engine(settings.engine) is EngineName.FASTER_WHISPER:
        from agent.pipelines.audio.engines.faster_whisper import load as load_faster_whisper

        return load_faster_whisper(settings, is_frugal=is_frugal, unfit=unfit, tell=tell)
    from agent.pipelines.audio.engines.openai_whisper import load as load_openai_whisper

    return load_openai_whisper(settings, unfit=unfit, tell=tell)
