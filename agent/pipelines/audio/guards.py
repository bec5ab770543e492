"""What a speech model imagines: text over silence, and loops. Pure functions on its segments."""

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, takewhile

from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.spans import Places
from agent.pipelines.spoken.transcript import Segment

LOOPING = 2.4
"""Whisper's own bar: text that zlib shrinks more than that repeats itself."""
_MARGIN = 0.5
"""Seconds by which a model may place words beside the sound they are in."""
_LONGEST_PHRASE, _MOST_REPEATS, _SAME_SEGMENTS = 8, 4, 3
_MANY_SEGMENTS = 6
"""In a row; a loop may go over several of them."""
_PAUSE = 5.0
"""Seconds; what is said again after that is no loop."""
_SHORTEST_LOOP = 60
"""Characters: below, compression says nothing."""
_DOUBT = 0.5
_FASTEST = 40.0
"""Characters a second; auctioneers reach thirty. A last splinter may get a paragraph."""
_PHRASES = frozenset({
    "thanks for watching", "thank you for watching", "thank you very much for watching",
    "thank you", "thank you very much", "please subscribe", "please subscribe to my channel",
    "like and subscribe", "see you next time", "see you in the next video", "bye", "bye bye", "you",
    "subtitles by the amara org community", "transcription by castingwords",
    "untertitel im auftrag des zdf für funk 2017", "untertitelung des zdf 2020",
    "untertitel der amara org community", "vielen dank fürs zuschauen", "vielen dank",
    "sous titres réalisés para la communauté d amara org", "merci d avoir regardé cette vidéo",
    "sous titrage st 501", "subtítulos realizados por la comunidad de amara org",
    "gracias por ver el video", "sottotitoli creati dalla comunità amara org",
    "legendas pela comunidade amara org", "obrigado por assistir", "продолжение следует",
    "ご視聴ありがとうございました", "字幕由 amara org 社区提供",
    "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", "시청해주셔서 감사합니다",
})  # fmt: skip
"""What Whisper learned from the silent ends of films on the Internet."""
_WORD = re.compile(r"\w+")


def compression(text: str) -> float:
    raw = text.strip().encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def is_looping(text: str) -> bool:
    return len(text) >= _SHORTEST_LOOP and compression(text) > LOOPING


def believable(segments: Iterable[Segment], speech: Sequence[Span]) -> Iterator[Segment]:
    """Without what a model says over silence: where nobody was heard, or where it doubts itself."""
    places = Places(speech)
    for segment in segments:
        margin = 0.0 if segment.no_speech > _DOUBT else _MARGIN
        wide = Span(segment.start - margin, segment.end + margin)
        if places.touched_by(wide) and not _is_imagined(segment):
            yield segment


def _is_imagined(segment: Segment) -> bool:
    if segment.no_speech <= _DOUBT:
        return False
    text = plain(segment.text)
    return text in _PHRASES or len(text) > _FASTEST * (segment.end - segment.start)


def loops(segments: Sequence[Segment]) -> Iterator[tuple[int, int]]:
    """From where to where (that one not included) segments repeat themselves or each other."""
    first = 0
    while first < len(segments):
        after = first + _length_of_loop(list(_row(segments, first)))
        if after > first:
            yield first, after
        first = max(after, first + 1)


def _row(segments: Sequence[Segment], first: int) -> Iterator[str]:
    """What is said from there on, without case and punctuation, up to the next pause."""
    before = segments[first]
    for segment in islice(segments, first, None):
        if segment.start - before.end > _PAUSE:
            return
        yield plain(segment.text)
        before = segment


def _length_of_loop(texts: Sequence[str]) -> int:
    if is_looping(texts[0]):
        return 1
    same = sum(1 for _ in takewhile(lambda text: text == texts[0], texts))
    if same > _SAME_SEGMENTS:
        return same
    some = texts[:_MANY_SEGMENTS]
    return len(some) if len(some) == _MANY_SEGMENTS and is_looping(" ".join(some)) else 0


def is_echo(text: str, neighbour: str) -> bool:
    """All of `text` stands in `neighbour` already: the times of that were a little off."""
    return f" {plain(text)} " in f" {plain(neighbour)} "


def plain(text: str) -> str:
    """Its words without case and punctuation."""
    return " ".join(_WORD.findall(text.lower()))


def without_loops(segments: Iterable[Segment]) -> Iterator[Segment]:
    """A phrase that comes again and again is kept twice, a segment three times."""
    row: list[Segment] = []
    for segment in segments:
        goes_on = bool(row) and _goes_on(row[-1], segment)
        row = [*row, segment] if goes_on else [segment]
        if len(row) <= _SAME_SEGMENTS:
            yield _unlooped(segment)


def _goes_on(before: Segment, segment: Segment) -> bool:
    is_near = segment.start - before.end <= _PAUSE
    return is_near and plain(segment.text) == plain(before.text)


def _unlooped(segment: Segment) -> Segment:
    words = segment.text.split()
    kept = _kept(words)
    if len(kept) == len(words):
        return segment
    timed = segment.words if len(segment.words) == len(words) else ()
    return replace(
        segment,
        text=" ".join(words[number] for number in kept),
        words=tuple(timed[number] for number in kept) if timed else (),
    )


def _kept(words: Sequence[str]) -> list[int]:
    """The numbers of the words without the repeats of a loop."""
    plain = [word.lower().strip(".,!?;:") for word in words]
    kept: list[int] = []
    at = 0
    while at < len(words):
        length, times = _repeats(plain, at)
        if times > _MOST_REPEATS:
            kept += range(at, at + 2 * length)
            at += times * length
        else:
            kept.append(at)
            at += 1
    return kept


def _repeats(words: Sequence[str], at: int) -> tuple[int, int]:
    """The phrase that is said most often in a row from here on: its length, and how often."""
    best = (1, 1)
    for length in range(1, _LONGEST_PHRASE + 1):
        phrase, times = words[at : at + length], 1
        while words[at + times * length : at + (times + 1) * length] == phrase:
            times += 1
        if times * length > best[0] * best[1] and times > best[1]:
            best = (length, times)
    return best
