"""Gives text the Markdown that suits what it is: prose, a program, a log, or subtitles."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from agent.pipelines.markdown import deepen_headings
from agent.pipelines.timecode import clock

_MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd"})
_SUBTITLES = frozenset({".srt", ".vtt"})
_LOGS = frozenset({".log"})
_LANGUAGES: Mapping[str, str] = {
    ".c": "c", ".cc": "cpp", ".cpp": "cpp", ".cs": "csharp", ".css": "css", ".go": "go",
    ".h": "c", ".hpp": "cpp", ".ini": "ini", ".java": "java", ".js": "javascript",
    ".json": "json", ".jsonl": "json", ".kt": "kotlin", ".lua": "lua", ".php": "php",
    ".pl": "perl", ".ps1": "powershell", ".py": "python", ".r": "r", ".rb": "ruby",
    ".rs": "rust", ".sh": "sh", ".sql": "sql", ".swift": "swift", ".toml": "toml",
    ".ts": "typescript", ".xml": "xml", ".yaml": "yaml", ".yml": "yaml",
}  # fmt: skip
_CUE = re.compile(
    r"(?:(\d{1,3}):)?(\d{2}):(\d{2})[.,]\d{3}[ \t]+-->[^\n]*\n((?:[^\n]*\S[^\n]*(?:\n|$))*)"
)
_VOICE = re.compile(r"<v(?:\.[^ >]*)?[ \t]+([^>\n]{1,80})>")
_TAG = re.compile(r"</?[a-zA-Z][^>\n]*>|\{\\[^}\n]*\}|<\d[\d:.]*>")
_MOST_IN_PARAGRAPH = 1500
"""Letters: MoRAG cuts chunks at blank lines."""


@dataclass(frozen=True, slots=True)
class Shape:
    name: str
    body: str
    """Markdown, without blank lines around it."""


def shape_of(content: str, filename: str, media_type: str | None) -> Shape:
    suffix = PurePath(filename).suffix.lower()
    told = (media_type or "").partition(";")[0].strip().lower()
    bare = content.strip("\n")
    if suffix in _MARKDOWN or told == "text/markdown":
        return Shape("Markdown", deepen_headings(content).strip("\n"))
    if suffix in _SUBTITLES or told == "text/vtt":
        body = _in_paragraphs(_cues(content))
        return Shape("Subtitles", body) if body else Shape("Plain Text", bare)
    if suffix in _LANGUAGES:
        return Shape("Source Code", _fenced(bare, _LANGUAGES[suffix]))
    if suffix in _LOGS:
        return Shape("Log", _in_paragraphs(bare.split("\n")))
    return Shape("Plain Text", bare)


def _cues(content: str) -> Iterator[str]:
    """`[MM:SS] words` for each subtitle, as MoRAG reads a transcript."""
    for hours, minutes, seconds, lines in _CUE.findall(content):
        start = 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds)
        words = _TAG.sub("", _VOICE.sub(r"\1: ", lines))
        if words.split():
            yield f"[{clock(start)}] {' '.join(words.split())}"


def _in_paragraphs(lines: Iterable[str]) -> str:
    """With a blank line where a paragraph would become longer than a chunk may be."""
    paragraphs: list[list[str]] = [[]]
    size = 0
    for line in lines:
        if size and size + len(line) > _MOST_IN_PARAGRAPH:
            paragraphs.append([])
            size = 0
        paragraphs[-1].append(line)
        size += len(line)
    return "\n\n".join("\n".join(paragraph) for paragraph in paragraphs)


def _fenced(content: str, language: str) -> str:
    """In a fence that is longer than any within."""
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{content}\n{fence}"
