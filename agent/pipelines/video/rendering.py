"""Renders a video: MoRAG's Markdown, a JSON for programs, and the job's summary.

The transcript comes last in the Markdown, and all that has a time is a line in it: MoRAG's chunker
loses the sections that follow a transcript.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.model.ids import JsonObject
from agent.pipelines.audio.rendering import Timed, spoken_facts, timed_lines
from agent.pipelines.audio.summary import spoken_summary
from agent.pipelines.markdown import head, one_line
from agent.pipelines.spoken.recording import Source
from agent.pipelines.spoken.transcript import Loaded, Transcript
from agent.pipelines.timecode import clock
from agent.pipelines.video.clips import Clip
from agent.pipelines.video.pictures import View
from agent.pipelines.video.probe import Probe
from agent.pipelines.video.screen_text import ScreenText

_NO_ENGINE = Loaded(engine="", model="", device="", compute_type="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """All that is known of one video."""

    filename: str
    probe: Probe
    view: View | None
    """None where only its sound could be read."""
    transcript: Transcript | None
    sound: Source | None
    screen_text: tuple[ScreenText, ...] = ()
    clips: tuple[Clip, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences about what is missing."""
    is_cut_off: bool = False
    process_seconds: float = 0.0

    @property
    def duration(self) -> float:
        seen = self.view.duration if self.view else 0.0
        return max(seen, self.transcript.duration if self.transcript else 0.0)


def as_markdown(analysis: Analysis) -> str:
    opening = head(
        f"Video Analysis: {analysis.filename}", "Video Information", dict(_facts(analysis))
    )
    return f"{opening}\n## Transcript\n\n{_body(analysis)}\n"


def _facts(analysis: Analysis) -> Iterator[tuple[str, str]]:
    probe, track, view = analysis.probe, analysis.probe.video, analysis.view
    yield "Duration", clock(analysis.duration)
    if track and view:
        yield "Resolution", f"{track.width}x{track.height}"
        yield "FPS", f"{track.rate:.4g}" + (" (variable)" if track.is_rate_variable else "")
    yield "Format", format_name(probe.format, analysis.filename)
    if track and view:
        yield "Video Codec", track.codec + (f", HDR ({track.hdr})" if track.hdr else "")
    yield "Audio", f"Yes ({probe.audio[0].codec})" if probe.audio else "No"
    if probe.created:
        yield "Creation Time", probe.created
    if view:
        yield "Scenes", str(len(view.scenes))
        yield "Key Frames", str(len(view.key_frames))
    if probe.subtitles:
        yield "Subtitles", ", ".join(probe.subtitles)
    if analysis.transcript:
        yield from spoken_facts(analysis.transcript).items()
    if analysis.notes:
        yield "Note", " ".join(analysis.notes)


def format_name(formats: str, filename: str) -> str:
    """FFmpeg names a family (`mov,mp4,m4a,…`); of it, the one that the file is called by."""
    family = formats.split(",")
    suffix = filename.rpartition(".")[2].lower()
    return suffix if suffix in family else family[0]


def _body(analysis: Analysis) -> str:
    transcript = analysis.transcript or _silence(analysis)
    return timed_lines(transcript, others_of(analysis)) or "(Nothing is said in this video.)"


def _silence(analysis: Analysis) -> Transcript:
    return Transcript(
        filename=analysis.filename,
        segments=(),
        language="",
        language_probability=0.0,
        duration=analysis.duration,
        made_by=_NO_ENGINE,
    )


def others_of(analysis: Analysis) -> Sequence[Timed]:
    """What has a time and was not said: chapters, and what stands on the screen."""
    chapters = [
        (chapter.start, f"[CHAPTER] {chapter.title}")
        for chapter in analysis.probe.chapters
        if one_line(chapter.title)
    ]
    return [*chapters, *((each.time, f"[SCREEN] {each.text}") for each in analysis.screen_text)]


def as_json(analysis: Analysis) -> str:
    probe = analysis.probe
    content: JsonObject = {
        "schema_version": 1,
        "filename": analysis.filename,
        "duration": round(analysis.duration, 3),
        "format": probe.format,
        "bit_rate": probe.bit_rate,
        "created": probe.created,
        "video": _track(analysis),
        "audio": [
            {
                "codec": track.codec,
                "channels": track.channels,
                "sample_rate": track.sample_rate,
                "language": track.language,
            }
            for track in probe.audio
        ],
        "subtitles": list(probe.subtitles),
        "chapters": [
            {"start": round(each.start, 3), "end": round(each.end, 3), "title": each.title}
            for each in probe.chapters
        ],
        **_seen(analysis),
        "is_cut_off": analysis.is_cut_off,
        "notes": list(analysis.notes),
        "process_s": round(analysis.process_seconds, 3),
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _track(analysis: Analysis) -> JsonObject | None:
    track, view = analysis.probe.video, analysis.view
    if track is None:
        return None
    fields: JsonObject = {
        "codec": track.codec,
        "profile": track.profile,
        "width": track.width,
        "height": track.height,
        "rotation": track.rotation,
        "fps": round(track.rate, 3),
        "is_rate_variable": track.is_rate_variable,
        "pixel_format": track.pixel_format,
        "bits": track.bits,
        "hdr": track.hdr,
    }
    return fields | ({"frames": view.frames, "decoder": view.decoder} if view else {})


def _seen(analysis: Analysis) -> JsonObject:
    view = analysis.view
    return {
        "scenes": [
            {"start": round(scene.start, 3), "end": round(scene.end, 3)}
            for scene in (view.scenes if view else ())
        ],
        "keyframes": [
            {"time": round(frame.time, 3), "scene": frame.scene, "name": key_frame_name(number)}
            for number, frame in enumerate(view.key_frames if view else (), start=1)
        ],
        "thumbnails": [
            {
                "time": round(small.time, 3),
                "names": [thumbnail_name(number, size) for size in range(len(small.names))],
            }
            for number, small in enumerate(view.thumbnails if view else (), start=1)
        ],
        "screen_text": [
            {"time": round(each.time, 3), "text": each.text} for each in analysis.screen_text
        ],
        "clips": [
            {"scene": clip.scene, "name": clip.name, "seconds": round(clip.seconds, 3)}
            for clip in analysis.clips
        ],
    }


def key_frame_name(number: int) -> str:
    """Counted from 1."""
    return f"keyframes/{number:04}.jpg"


def thumbnail_name(number: int, size: int) -> str:
    """The first size has the plain name."""
    return f"thumbnails/{number:04}.jpg" if size == 0 else f"thumbnails/{number:04}-{size + 1}.jpg"


def summary_of(analysis: Analysis) -> JsonObject:
    """Flat, short, and in MoRAG's words: it copies all of this into every chunk."""
    transcript, sound = analysis.transcript, analysis.sound
    summary: JsonObject = spoken_summary(transcript) if transcript else {"word_count": 0}
    summary |= {
        "content_type": "video",
        "duration": round(analysis.duration, 3),
        "format": format_name(analysis.probe.format, analysis.filename),
        "has_audio": bool(analysis.probe.audio),
        "transcript_length": len(transcript.text) if transcript else 0,
        "segments_count": len(transcript.segments) if transcript else 0,
        "has_speaker_diarization": bool(transcript and transcript.speakers),
        "has_topic_segmentation": bool(transcript and transcript.topics),
        "is_cut_off": analysis.is_cut_off,
        "processing_time": round(analysis.process_seconds, 3),
        **dict(_picture_summary(analysis)),
    }
    if sound:
        summary["audio_codec"] = sound.codec
    if analysis.notes:
        summary["notes"] = list(analysis.notes)
    return summary


def _picture_summary(analysis: Analysis) -> Iterator[tuple[str, bool | int | float | str]]:
    track, view, probe = analysis.probe.video, analysis.view, analysis.probe
    if probe.bit_rate:
        yield "bitrate", probe.bit_rate
    if probe.created:
        yield "creation_time", probe.created
    if track is None or view is None:
        return
    yield "width", track.width
    yield "height", track.height
    yield "codec", track.codec
    yield "resolution", f"{track.width}x{track.height}"
    yield "fps", round(track.rate, 3)
    yield "scene_count", len(view.scenes)
    yield "keyframe_count", len(view.key_frames)
    yield "thumbnail_count", len(view.thumbnails)
    yield "screen_text_count", len(analysis.screen_text)
    yield "video_decoder", view.decoder
