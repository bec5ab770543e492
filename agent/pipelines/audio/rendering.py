"""Renders a transcript for programs (JSON) and for MoRAG (Markdown).

MoRAG's chunkers take lines that begin with `[MM:SS]`, cut at `# Title [seconds]` and at blank
lines, and make chunks of 4000 characters. Hence one line an utterance, and a blank line at every
change of speaker and at least every 1500 characters.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.model.ids import JsonObject
from agent.pipelines.markdown import head, one_line
from agent.pipelines.spoken.transcript import Segment, Transcript, Word
from agent.pipelines.timecode import clock, long_clock

_PARAGRAPH = 1500

Timed = tuple[float, str]
"""Seconds from the start, and a line that belongs there, its time not included."""


def as_json(transcript: Transcript, process_seconds: float) -> str:
    content: JsonObject = {
        "schema_version": 1,
        "filename": transcript.filename,
        "language": transcript.language,
        "language_probability": round(transcript.language_probability, 4),
        "engine": transcript.made_by.engine,
        "model": transcript.made_by.model,
        "device": transcript.made_by.device,
        "compute_type": transcript.made_by.compute_type,
        "audio_s": round(transcript.duration, 3),
        "speech_s": round(transcript.speech_seconds, 3),
        "speech_coverage": round(transcript.speech_coverage, 4),
        "vad": transcript.speech_detector,
        "process_s": round(process_seconds, 3),
        "speakers": list(transcript.speakers),
        "topics": [
            {
                "title": topic.title,
                "start": round(topic.start, 3),
                "end": round(topic.end, 3),
                "keywords": list(topic.keywords),
            }
            for topic in transcript.topics
        ],
        "warnings": list(transcript.warnings),
        "text": transcript.text,
        "segments": [_segment_fields(segment) for segment in transcript.segments],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _segment_fields(segment: Segment) -> JsonObject:
    fields: JsonObject = {
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
    }
    if segment.speaker:
        fields["speaker"] = segment.speaker
    if segment.words:
        fields["words"] = [_word_fields(word) for word in segment.words]
    return fields


def _word_fields(word: Word) -> JsonObject:
    fields: JsonObject = {
        "start": round(word.start, 3),
        "end": round(word.end, 3),
        "text": word.text,
        "probability": round(word.probability, 4),
    }
    return fields | ({"speaker": word.speaker} if word.speaker else {})


def as_markdown(transcript: Transcript) -> str:
    """MoRAG's layout of audio, without front matter."""
    facts = {"Duration": long_clock(transcript.duration), **spoken_facts(transcript)}
    opening = head(f"Audio Transcription: {transcript.filename}", "Audio Information", facts)
    return f"{opening}\n## Detailed Transcript\n\n{timed_lines(transcript)}\n"


def spoken_facts(transcript: Transcript) -> dict[str, str]:
    """Bullets of the opening, for what was said."""
    made_by = transcript.made_by
    facts = {"Language": transcript.language}
    if transcript.speakers:
        facts["Num Speakers"] = str(len(transcript.speakers))
        facts["Speakers"] = ", ".join(transcript.speakers)
    if transcript.topics:
        facts["Num Topics"] = str(len(transcript.topics))
    facts["Word Count"] = str(transcript.word_count)
    facts["Transcribed With"] = f"{made_by.engine} {made_by.model}"
    return facts


def timed_lines(transcript: Transcript, others: Sequence[Timed] = ()) -> str:
    """The body: every utterance with its time and speaker, topics as headings.

    `others` are lines of another kind (text on screen), which stand where their time puts them.
    """
    lines = [*map(_spoken, transcript.segments), *map(_foreign, others)]
    lines.extend(_headings(transcript, min((line.at for line in lines), default=0.0)))
    return "\n".join(_laid_out(sorted(lines, key=lambda line: (line.at, line.rank))))


@dataclass(frozen=True, slots=True)
class _Line:
    at: float
    text: str
    rank: int = 1
    """Of several at the same moment, the order."""
    speaker: str | None = None
    is_heading: bool = False


def _spoken(segment: Segment) -> _Line:
    who = f"[{segment.speaker}]" if segment.speaker else ""
    text = f"[{clock(segment.start)}]{who} {segment.text}"
    return _Line(segment.start, text, speaker=segment.speaker)


def _foreign(other: Timed) -> _Line:
    at, text = other
    glue = "" if text.startswith("[") else " "
    return _Line(at, f"[{clock(at)}]{glue}{one_line(text)}", rank=2, speaker="")


def _headings(transcript: Transcript, earliest: float) -> Iterator[_Line]:
    """The first one stands above all else: MoRAG loses what comes before the first topic."""
    for number, topic in enumerate(transcript.topics):
        at = topic.start if number else min(topic.start, earliest)
        title = one_line(topic.title)
        yield _Line(at, f"# {title} [{int(at)}]", rank=0, is_heading=True)


def _laid_out(lines: Iterable[_Line]) -> Iterator[str]:
    length, before = 0, None
    for line in lines:
        if before is not None and (_is_turn(before, line) or length + len(line.text) > _PARAGRAPH):
            yield ""
            length = 0
        length += len(line.text) + 1
        yield line.text
        before = line


def _is_turn(before: _Line, line: _Line) -> bool:
    return before.is_heading or line.is_heading or before.speaker != line.speaker
