"""Renders a transcript: for programs, for MoRAG, for players, and as bare text."""

import json
from collections.abc import Iterator

from agent.model.ids import JsonObject
from agent.pipelines.audio.transcript import Segment, Transcript
from agent.pipelines.markdown import head
from agent.pipelines.timecode import clock, long_clock, srt_time, vtt_time

_PARAGRAPH = 1500
"""Characters: MoRAG's chunkers cut at blank lines, and make chunks of 4000."""


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
        "speech_s": round(sum(s.end - s.start for s in transcript.segments), 3),
        "process_s": round(process_seconds, 3),
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
    if segment.words:
        fields["words"] = [
            {
                "start": round(word.start, 3),
                "end": round(word.end, 3),
                "text": word.text,
                "probability": round(word.probability, 4),
            }
            for word in segment.words
        ]
    return fields


def as_markdown(transcript: Transcript) -> str:
    """MoRAG's layout of audio. No front matter, and no speakers: nobody told them apart."""
    made_by = transcript.made_by
    facts = {
        "Duration": long_clock(transcript.duration),
        "Language": transcript.language,
        "Word Count": str(transcript.word_count),
        "Transcribed With": f"{made_by.engine} {made_by.model}",
    }
    opening = head(f"Audio Transcription: {transcript.filename}", "Audio Information", facts)
    lines = "\n".join(_lines(transcript.segments))
    return f"{opening}\n## Detailed Transcript\n\n{lines}\n"


def _lines(segments: tuple[Segment, ...]) -> Iterator[str]:
    length = 0
    for segment in segments:
        line = f"[{clock(segment.start)}] {segment.text}"
        length += len(line) + 1
        if length > _PARAGRAPH:
            yield ""
            length = len(line) + 1
        yield line


def as_srt(transcript: Transcript) -> str:
    """SubRip has no escapes: an arrow in the text, which would read as a time line, is replaced."""
    cues = (
        f"{number}\n{srt_time(cue.start)} --> {srt_time(cue.end)}\n{cue.text.replace('-->', '→')}\n"
        for number, cue in enumerate(transcript.segments, start=1)
    )
    return "\n".join(cues)


def as_vtt(transcript: Transcript) -> str:
    cues = (
        f"{vtt_time(cue.start)} --> {vtt_time(cue.end)}\n{_escaped(cue.text)}\n"
        for cue in transcript.segments
    )
    return "\n".join(["WEBVTT\n", *cues])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_text(transcript: Transcript) -> str:
    return "".join(f"{segment.text}\n" for segment in transcript.segments)
