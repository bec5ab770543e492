"""The forms that players and people read: SubRip, WebVTT and plain text.

SubRip has no standard; this is what players agree on. WebVTT: https://www.w3.org/TR/webvtt1/.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from agent.pipelines.spoken.transcript import SHORTEST, Segment, Transcript, Word
from agent.pipelines.timecode import srt_time, vtt_time

_LONGEST_CUE, _LONGEST_TEXT = 7.0, 84
"""Seconds and characters that a viewer can read: two lines of 42."""
_SLACK = 1.15


def as_srt(transcript: Transcript) -> str:
    """SubRip has no escapes: an arrow in the text, which would read as a time line, is replaced."""
    cues = (
        f"{number}\n{srt_time(cue.start)} --> {srt_time(cue.end)}\n"
        f"{_named(cue).replace('-->', '→')}\n"
        for number, cue in enumerate(_cues(_told_apart(transcript)), start=1)
    )
    return "\n".join(cues)


def as_vtt(transcript: Transcript) -> str:
    cues = (
        f"{vtt_time(cue.start)} --> {vtt_time(cue.end)}\n{_voiced(cue)}\n"
        for cue in _cues(transcript)
    )
    return "\n".join(["WEBVTT\n", *cues])


def as_text(transcript: Transcript) -> str:
    """One line an utterance; who speaks stands before the first one of a turn."""
    return "".join(f"{line}\n" for line in _turns(_told_apart(transcript).segments))


def _told_apart(transcript: Transcript) -> Transcript:
    """Nobody needs to read the same name before every line of a monologue."""
    if len(transcript.speakers) != 1:
        return transcript
    nameless = tuple(replace(segment, speaker=None) for segment in transcript.segments)
    return replace(transcript, segments=nameless)


def _turns(segments: Iterable[Segment]) -> Iterator[str]:
    before = None
    for segment in segments:
        yield _named(segment) if segment.speaker != before else segment.text
        before = segment.speaker


def _named(segment: Segment) -> str:
    return f"{segment.speaker}: {segment.text}" if segment.speaker else segment.text


def _voiced(cue: Segment) -> str:
    text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<v {cue.speaker}>{text}" if cue.speaker else text


def _cues(transcript: Transcript) -> Iterator[Segment]:
    for segment in transcript.segments:
        yield from _split(segment)


def _split(segment: Segment) -> Iterator[Segment]:
    """Short enough to be read, where the times of the words allow it."""
    rows = _rows(segment.words, _LONGEST_CUE, _LONGEST_TEXT)
    if len(rows) <= 1:
        yield segment
        return
    even = _rows(segment.words, *_share_of(segment.words, len(rows)))
    yield from (_cue(segment, row) for row in (even if len(even) == len(rows) else rows))


def _share_of(words: Sequence[Word], parts: int) -> tuple[float, float]:
    """Seconds and characters of each, where none is to be left with a single word."""
    return _seconds(words) / parts * _SLACK, _characters(words) / parts * _SLACK


def _rows(words: Sequence[Word], seconds: float, characters: float) -> list[list[Word]]:
    rows: list[list[Word]] = []
    for word in words:
        row = [*rows[-1], word] if rows else [word]
        if rows and _seconds(row) <= seconds and _characters(row) <= characters:
            rows[-1] = row
        else:
            rows.append([word])
    return rows


def _seconds(words: Sequence[Word]) -> float:
    return words[-1].end - words[0].start


def _characters(words: Sequence[Word]) -> int:
    return sum(len(word.text) + 1 for word in words) - 1


def _cue(segment: Segment, words: Sequence[Word]) -> Segment:
    # Languages without spaces have none between their words either.
    text = (" " if " " in segment.text else "").join(word.text for word in words)
    end = max(words[-1].end, words[0].start + SHORTEST)
    return replace(segment, start=words[0].start, end=end, text=text, words=tuple(words))
