"""Finds the model that finds topics; nothing heavy is imported before it is wanted."""

from importlib.util import find_spec

from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.topics.finder import Encoder, TopicFinder
from agent.pipelines.topics.shipped import is_shipped, shipped_folder

_LIBRARIES = ("numpy", "safetensors", "scipy", "threadpoolctl", "tokenizers")


def topics_are_possible(_settings: PipelineSettings) -> bool:
    """Judged by what is installed."""
    return is_shipped() and not _missing()


def load_topic_finder(_settings: PipelineSettings) -> TopicFinder:
    """Takes no time: the model is loaded with the first transcript."""
    missing = _missing()
    if missing:
        raise EngineUnavailableError(
            f"topics cannot be found here: run `pip install {' '.join(missing)}`."
        )
    shipped_folder()  # better told now than after an hour of transcription
    return TopicFinder(_encoder)


def _encoder() -> Encoder:
    from agent.pipelines.topics.encoder import SentenceEncoder

    return SentenceEncoder(shipped_folder())


def _missing() -> list[str]:
    return [library for library in _LIBRARIES if find_spec(library) is None]
