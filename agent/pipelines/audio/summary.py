"""What a job's summary says of a recording: flat, and in MoRAG's words.

MoRAG copies all of this into every chunk, so it is short.
"""

from agent.model.ids import JsonObject
from agent.pipelines.spoken.recording import Source
from agent.pipelines.spoken.transcript import Topic, Transcript

_MOST_TOPICS = 50


def summary_of(transcript: Transcript, source: Source, process_seconds: float) -> JsonObject:
    return {
        "content_type": "audio",
        "channels": source.channels,
        "sample_rate": source.sample_rate,
        "codec": source.codec,
        "damaged_packets": source.damaged_packets,
        "processing_time": round(process_seconds, 3),
        **spoken_summary(transcript),
    }


def spoken_summary(transcript: Transcript) -> JsonObject:
    """The part that a film shares."""
    made_by = transcript.made_by
    summary: JsonObject = {
        "duration": round(transcript.duration, 3),
        "language": transcript.language,
        "language_probability": round(transcript.language_probability, 4),
        "word_count": transcript.word_count,
        "segment_count": len(transcript.segments),
        "speech_seconds": round(transcript.speech_seconds, 3),
        "speech_coverage": round(transcript.speech_coverage, 4),
        "vad": transcript.speech_detector,
        "has_speaker_info": bool(transcript.speakers),
        "has_topic_info": bool(transcript.topics),
        "engine": made_by.engine,
        "model": made_by.model,
        "device": made_by.device,
        "compute_type": made_by.compute_type,
    }
    if transcript.speakers:
        summary["num_speakers"] = len(transcript.speakers)
        summary["speakers"] = list(transcript.speakers)
    if transcript.topics:
        summary["num_topics"] = len(transcript.topics)
        summary["topics"] = [_topic(topic) for topic in transcript.topics[:_MOST_TOPICS]]
    if transcript.warnings:
        summary["warnings"] = list(transcript.warnings)
    return summary


def _topic(topic: Topic) -> JsonObject:
    return {
        "title": topic.title,
        "start_time": round(topic.start, 3),
        "end_time": round(topic.end, 3),
        "keywords": list(topic.keywords),
    }
