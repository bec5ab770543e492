"""The settings of MoRAG's own remote converter, under its names and in its spellings.

It is the agent's forerunner: who comes from it can go on with the environment and the file that
they have. Here is what each of its settings is called with us, and what does not carry over.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.config.defaults import cleaned
from agent.config.given import Given, Layer
from agent.config.values import names_in

ADDRESS = "http://localhost:8000"
"""Where it looks for MoRAG unless it is told."""
UNSAID = "a file of MoRAG's converter"
"""Where a setting comes from that such a file means without saying so."""
OWN_FOLDER = "morag-agent"
_NOT_USED = {"MORAG_SPACY_MODEL": "topics are found here without spaCy, by a model of their own"}
_FETCHED_THERE = "youtube"
"""A kind of job of its own that comes with an address in place of a file."""
_FLEETING = ("/tmp", "/dev/shm", "/run", "/var/run")  # noqa: S108 (recognised, never used)
"""Empty after a reboot."""
_LEVELS = {"critical": "error", "fatal": "error", "warn": "warning", "notset": "debug"}
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]+)*")
_CUDA = re.compile(r"(?:gpu|cuda)(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Read:
    """A value in our words; None where nothing of it can be used."""

    value: str | None
    remark: str = ""
    """What was changed or left out: the end of a sentence that begins with its name."""


@dataclass(frozen=True, slots=True)
class Was:
    env: str
    setting: str
    key: str | None = None
    """In its YAML file, where it can stand there."""
    read: Callable[[str], Read] = Read


def from_environment(environ: Mapping[str, str]) -> Iterator[Given]:
    """An empty variable counts as not set. A value of None is one that is only remarked on."""
    for was in SETTINGS:
        if text := environ.get(was.env, "").strip():
            yield _given(was, text, Layer.CONVERTER_ENVIRONMENT, was.env)


def from_keys(keys: Mapping[str, str], path: Path) -> Iterator[Given]:
    """What its file says, and what it means without saying so."""
    unsaid = {"server_url": ADDRESS, "server_dialect": "morag"}
    for name, value in unsaid.items():
        yield Given(name, value, Layer.UNSAID, f"{path}: {UNSAID}")
    for was in SETTINGS:
        if was.key and (text := keys.get(was.key, "").strip()):
            yield _given(was, text, Layer.FILE, f"{path}: {was.key}")


def meaningless(names: Iterable[str]) -> Iterator[str]:
    """A sentence about each variable of it that has no meaning here."""
    for name in sorted(_NOT_USED.keys() & names):
        yield f"{name} is not used: {_NOT_USED[name]}"


def is_meaningless(name: str) -> bool:
    return name in _NOT_USED


def strange_keys(keys: Iterable[str], path: Path) -> Iterator[str]:
    """A sentence about each key that its file cannot have."""
    known = {was.key for was in SETTINGS}
    for name in keys:
        if name not in known:
            yield f"{path}: {name} is no setting of MoRAG's converter"


def _given(was: Was, text: str, layer: Layer, origin: str) -> Given:
    read = was.read(text)
    return Given(was.setting, read.value, layer, origin, read.remark)


def _id(text: str) -> Read:
    name = cleaned(text)
    if not name or name == text:
        return Read(text)
    return Read(name, f'"{text}" became "{name}", for the letters that an id is made of')


def _types(text: str) -> Read:
    names = [name.lower() for name in names_in(text)]
    kept = [name for name in names if name != _FETCHED_THERE]
    if not kept or kept == names:
        return Read(",".join(names))
    return Read(
        ",".join(kept), f"{_FETCHED_THERE} is left out: jobs come with a file, or are of type web"
    )


def _level(text: str) -> Read:
    return Read(_LEVELS.get(text.lower(), text))


def _folder(text: str) -> Read:
    """A folder below it: the converter removes the whole of it when it ends."""
    path = Path(text).expanduser().absolute()
    if any(map(path.is_relative_to, _FLEETING)):
        return Read(
            None,
            f"{path} is not used: a reboot empties it, and what is held has to outlast one; name"
            " another folder in spool.folder if the usual one will not do",
        )
    own = path / OWN_FOLDER
    return Read(
        str(own),
        f"the spool is {own}; let no converter run with {path}, which it removes when it ends",
    )


def _language(text: str) -> Read:
    found = _LANGUAGE.fullmatch(text)
    return Read(found[1].lower() if found else text.lower())


def _device(text: str) -> Read:
    found = _CUDA.fullmatch(text.lower())
    if found is None:
        return Read(text.lower())
    if found[1] in {None, "0"}:
        return Read("cuda")
    return Read("cuda", f"which GPU is told with CUDA_VISIBLE_DEVICES={found[1]}")


SETTINGS = (
    Was("MORAG_API_BASE_URL", "server_url", "api_base_url"),
    Was("MORAG_API_KEY", "token", "api_key"),
    Was("MORAG_WORKER_POLL_INTERVAL", "poll_interval_s", "poll_interval"),
    Was("MORAG_WORKER_ID", "agent_id", "worker_id", _id),
    Was("MORAG_WORKER_CONTENT_TYPES", "content_types", "content_types", _types),
    Was("MORAG_WORKER_MAX_CONCURRENT_JOBS", "slots", "max_concurrent_jobs"),
    Was("MORAG_TEMP_DIR", "spool", "temp_dir", _folder),
    Was("MORAG_AUDIO_DEVICE", "device", read=_device),
    Was("WHISPER_MODEL_SIZE", "whisper_model"),
    Was("MORAG_WHISPER_MODEL_SIZE", "whisper_model"),
    Was("MORAG_AUDIO_LANGUAGE", "language", read=_language),
    Was("MORAG_ENABLE_SPEAKER_DIARIZATION", "diarization"),
    Was("MORAG_ENABLE_TOPIC_SEGMENTATION", "topics"),
    Was("MORAG_LOG_LEVEL", "log_level", "log_level", _level),
)
"""Of two for the same setting, the later wins."""
