"""What a MoRAG server is told of a job that was done: one Markdown text, and a little about it.

The server cuts the text into chunks and writes everything about it into each of them, over what it
knew itself. So what is told is flat, short and from a list, and never where a file lay on this box.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from agent.core.morag_layout import in_short_paragraphs, in_short_sections
from agent.model.ids import JsonObject, JsonValue

MARKDOWN: Mapping[str, str] = {
    "audio": "transcript.md",
    "video": "video.md",
    "image": "image.md",
    "document": "document.md",
    "web": "page.md",
    "text": "document.md",
}
"""What a pipeline calls the Markdown that it makes of each type."""
WANTED = frozenset(MARKDOWN.values())
"""The artifacts that `told` needs; the rest has no place in MoRAG's remote jobs."""

_ANY = ("language", "word_count")
_SPOKEN = (
    *_ANY,
    "duration",
    "has_speaker_info",
    "has_topic_info",
    "num_speakers",
    "speakers",
    "num_topics",
    "segment_count",
    "codec",
)
_NAMES: Mapping[str, tuple[str, ...]] = {
    "audio": (*_SPOKEN, "channels", "sample_rate"),
    "video": (
        *_SPOKEN,
        "resolution",
        "width",
        "height",
        "fps",
        "format",
        "bitrate",
        "has_audio",
        "audio_codec",
        "creation_time",
        "transcript_length",
        "segments_count",
        "has_speaker_diarization",
        "has_topic_segmentation",
        "scene_count",
        "screen_text_count",
    ),
    "image": (
        *_ANY,
        "width",
        "height",
        "format",
        "mode",
        "file_size",
        "pages",
        "has_text",
        "caption",
        "ocr_confidence",
        "creation_time",
        "camera_make",
        "camera_model",
    ),
    "document": (
        *_ANY,
        "document_type",
        "page_count",
        "title",
        "author",
        "creation_date",
        "table_count",
        "ocr_pages",
    ),
    "web": (
        *_ANY,
        "url",
        "title",
        "description",
        "author",
        "publication_date",
        "domain",
        "site",
        "link_count",
    ),
    "text": (*_ANY, "encoding"),
}
_LONGEST, _MOST_ITEMS = 500, 50


@dataclass(frozen=True, slots=True)
class Told:
    content: str
    metadata: JsonObject


def told(
    content_type: str, filename: str, artifacts: Mapping[str, bytes], summary: JsonObject
) -> Told | None:
    """None where there is nothing to tell: MoRAG would call an empty text a success, and lose it.

    `filename` is the server's own. An image without a word is told of by its size and its camera,
    a film without one by its format: MoRAG's own converters do so, too.
    """
    written = artifacts.get(MARKDOWN.get(content_type, ""), b"")
    markdown = written.decode("utf-8", "replace").strip()
    if not markdown or (content_type != "image" and not _has_words(_body(markdown))):
        return None
    content = in_short_paragraphs(markdown)
    if content_type == "image":
        content = in_short_sections(content)
    return Told(f"{content}\n", _metadata(content_type, filename, summary))


def _body(markdown: str) -> str:
    """What stands below the second `## ` heading; the first one's are the facts."""
    facts = markdown.partition("\n## ")[2]
    return facts.partition("\n## ")[2].partition("\n")[2]


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _metadata(content_type: str, filename: str, summary: JsonObject) -> JsonObject:
    name = _base_name(filename)
    metadata: JsonObject = {"content_type": content_type, "file_name": name, "filename": name}
    facts = {"word_count": summary.get("words")} | summary
    for key in _NAMES[content_type]:
        value = _plain(facts.get(key))
        if value not in (None, "", []):
            metadata[key] = value
    return metadata


def _base_name(filename: str) -> str:
    return " ".join(filename.replace("\\", "/").rpartition("/")[2].split())[:_LONGEST]


def _plain(value: JsonValue) -> JsonValue:
    """The value, if it is short, flat and something that JSON has."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case str():
            return " ".join(value.split())[:_LONGEST]
        case list():
            items = value[:_MOST_ITEMS]
            return [_plain(each) for each in items if isinstance(each, str | int | float)]
        case dict():
            return None
        case _:
            return value
