"""What a MoRAG server wishes for a job, in the words of our pipelines.

Its `task_options` are a mixed bag: wishes for the conversion, orders for the ingestion that follows
it, passwords of databases and tokens of webhooks. The wishes that we know are translated, one by
one; all else stays behind, so that no secret is ever kept. What is wrong is left out as well: MoRAG
never tries a failed job again, and a conversion with the usual settings is better than none.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agent.model.ids import JsonObject, JsonValue

_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8}){0,3}")
_MOST_SPEAKERS, _MOST_PICTURES, _MOST_PAGES = 50, 500, 200
_SIDES = (16, 4096)
_LONGEST_PROMPT = 800

_Rule: TypeAlias = Callable[[JsonValue], JsonValue]
"""The value in our words; None where it is wrong, or the same as saying nothing."""


@dataclass(frozen=True, slots=True)
class _Wish:
    name: str
    """Ours; its rule is that of the pipeline's option, or narrower."""
    rule: _Rule
    also: tuple[str, ...] = ()
    """MoRAG's names for it; where several are there, the first counts."""


def _switch(value: JsonValue) -> JsonValue:
    return value if isinstance(value, bool) else None


def _refusal(value: JsonValue) -> JsonValue:
    """MoRAG says true where it means "if that can be done", which is what null says to us.

    A true of ours would fail the whole job on a box without the model for it.
    """
    return False if value is False else None


def _whole(least: int, most: int) -> _Rule:
    def within(value: JsonValue) -> JsonValue:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return value if is_number and least <= value <= most else None  # type: ignore[operator]

    return within


def _share(value: JsonValue) -> JsonValue:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None  # type: ignore[arg-type, operator]


def _one_of(*words: str) -> _Rule:
    return lambda value: value if value in words else None


def _prompt(value: JsonValue) -> JsonValue:
    return value[:_LONGEST_PROMPT] if isinstance(value, str) and value.strip() else None


def _spoken_language(value: JsonValue) -> JsonValue:
    """`de-AT` is heard as `de`; words such as `auto` are no language."""
    found = _LANGUAGE.fullmatch(value.strip()) if isinstance(value, str) else None
    return found[1].lower() if found else None


def _written_language(value: JsonValue) -> JsonValue:
    found = _LANGUAGE.fullmatch(value.strip()) if isinstance(value, str) else None
    return found[0] if found else None


def _sizes(value: JsonValue) -> JsonValue:
    is_pair = isinstance(value, list) and len(value) == len(_SIDES)
    side = _whole(*_SIDES)
    return [value] if is_pair and all(map(side, value)) else None  # type: ignore[arg-type]


_SPEECH = (
    _Wish("language", _spoken_language),
    _Wish("task", _one_of("transcribe", "translate")),
    _Wish("word_timestamps", _switch, ("include_timestamps",)),
    _Wish("initial_prompt", _prompt),
    _Wish("beam_size", _whole(1, 10)),
    _Wish("temperature", _share),
    _Wish(
        "diarization",
        _switch,
        ("enable_speaker_diarization", "speaker_diarization", "enable_diarization"),
    ),
    _Wish("num_speakers", _whole(1, _MOST_SPEAKERS)),
    _Wish("min_speakers", _whole(1, _MOST_SPEAKERS)),
    _Wish("max_speakers", _whole(1, _MOST_SPEAKERS)),
    _Wish("topics", _switch, ("enable_topic_segmentation", "topic_segmentation")),
    _Wish("vad", _switch, ("vad_filter",)),
    _Wish("allow_partial", _switch),
)
_WRITTEN = (_Wish("language", _written_language),)
_WISHES: Mapping[str, tuple[_Wish, ...]] = {
    "audio": _SPEECH,
    "video": (
        *_SPEECH,
        _Wish("audio", _switch, ("extract_audio",)),
        _Wish("keyframes", _whole(0, _MOST_PICTURES), ("max_keyframes",)),
        _Wish("extract_keyframes", _switch),
        _Wish("thumbnails", _whole(0, _MOST_PICTURES), ("thumbnail_count",)),
        _Wish("generate_thumbnails", _switch, ("extract_thumbnails",)),
        _Wish("thumbnail_sizes", _sizes, ("thumbnail_size",)),
        _Wish("screen_text", _switch, ("enable_ocr",)),
    ),
    "image": (
        *_WRITTEN,
        _Wish("ocr", _refusal, ("extract_text", "ocr_enabled")),
        _Wish("caption", _refusal, ("generate_caption",)),
        _Wish("min_confidence", _share),
        _Wish("max_pages", _whole(1, _MOST_PAGES)),
    ),
    "document": (
        *_WRITTEN,
        _Wish("ocr", _refusal, ("ocr_enabled",)),
        _Wish("tables", _switch, ("extract_tables",)),
        _Wish("preserve_formatting", _switch),
        _Wish("max_pages", _whole(1, 10**6)),
    ),
    "web": (*_WRITTEN, _Wish("links", _switch, ("extract_links",))),
    "text": _WRITTEN,
}


def options_of(content_type: str, task_options: JsonObject) -> JsonObject:
    """Our options; never an error, whatever `task_options` hold."""
    wished: JsonObject = {
        wish.name: value
        for wish in _WISHES.get(content_type, ())
        if (value := _value(wish, task_options)) is not None
    }
    return _agreed(wished)


def _value(wish: _Wish, task_options: JsonObject) -> JsonValue:
    values = (wish.rule(task_options.get(name)) for name in (wish.name, *wish.also))
    return next((value for value in values if value is not None), None)


def _agreed(wished: JsonObject) -> JsonObject:
    """Without what contradicts the rest, which would fail the job."""
    dropped: set[str] = set()
    least, most = wished.get("min_speakers"), wished.get("max_speakers")
    if "num_speakers" in wished or (
        isinstance(least, int) and isinstance(most, int) and least > most
    ):
        dropped |= {"min_speakers", "max_speakers"}
    if wished.get("screen_text") and not wished.get("extract_keyframes"):
        dropped.add("extract_keyframes")  # the key frames are where the screen is read
    return {name: value for name, value in wished.items() if name not in dropped}


_PICTURES: Mapping[str, JsonObject] = {
    "audio": {"waveform": False},
    "video": {"waveform": False, "sheet": False, "generate_thumbnails": False},
    "image": {"thumbnail": False},
}


def words_only(content_type: str, options: JsonObject) -> JsonObject:
    """For a server that takes a text and nothing else: nothing is drawn that nobody could see."""
    return options | _PICTURES.get(content_type, {})
