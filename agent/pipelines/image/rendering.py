"""Renders what is known of an image: for MoRAG, for programs, and as a summary."""

import json
from collections.abc import Iterator

from agent.model.ids import Bytes, JsonObject, JsonValue
from agent.pipelines.image.analysis import Analysis, ReadPage
from agent.pipelines.markdown import head, one_line
from agent.pipelines.ocr.engine import Box

_PERCENT = 100
_COLORS_IN_SUMMARY = 3


def as_markdown(analysis: Analysis) -> str:
    """MoRAG's layout of images. Sections that have nothing to say are left out."""
    opening = head(f"Image Analysis: {analysis.filename}", "Image Information", _bullets(analysis))
    return "\n".join([opening, *_sections(analysis)])


def _bullets(analysis: Analysis) -> dict[str, str]:
    facts, tags = analysis.facts, analysis.facts.tags
    camera = " ".join(str(tags[key]) for key in ("camera_make", "camera_model") if key in tags)
    place = [str(tags[key]) for key in ("gps_latitude", "gps_longitude") if key in tags]
    bullets = {
        "Dimensions": f"{facts.width} x {facts.height}",
        "File Size": _size(analysis.file_size),
        "Format": facts.format,
        "Color Space": analysis.color_space,
        "Frames" if facts.is_animated else "Pages": _if(facts.page_count > 1, facts.page_count),
        "Creation Time": str(tags.get("creation_time", "")),
        "Camera": camera,
        "Location": ", ".join(place),
        "Dominant Colors": ", ".join(
            f"{color.hex} ({color.share * _PERCENT:.0f} %)" for color in analysis.look.colors
        ),
        "Language": analysis.language or "",
        "Word Count": _if(bool(analysis.text), analysis.word_count),
    }
    return {name: value for name, value in bullets.items() if value}


def _if(condition: bool, value: int) -> str:
    return str(value) if condition else ""


def _size(size: Bytes) -> str:
    for unit, one in (("MB", 10**6), ("kB", 10**3)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return f"{size} bytes"


def _sections(analysis: Analysis) -> Iterator[str]:
    if analysis.caption:
        yield f"## Visual Content\n\n{one_line(analysis.caption)}\n"
    if not analysis.texts:
        return
    yield "## Text Content (OCR)\n"
    word = "Frame" if analysis.facts.is_animated else "Page"
    for number, paragraphs in analysis.texts:
        if analysis.facts.page_count > 1:
            yield f"### {word} {number}\n"
        for paragraph in paragraphs:
            yield _quoted(paragraph)


def _quoted(paragraph: str) -> str:
    """No heading, list or time of a picture's text is then one of the document."""
    return "".join(f"> {one_line(line)}\n" for line in paragraph.split("\n"))


def as_json(analysis: Analysis, process_seconds: float) -> str:
    facts = analysis.facts
    content: JsonObject = {
        "schema_version": 1,
        "filename": analysis.filename,
        "file_size": analysis.file_size,
        "format": facts.format,
        "width": facts.width,
        "height": facts.height,
        "mode": facts.mode,
        "bits": facts.bits,
        "color_space": analysis.color_space,
        "color_profile": facts.profile,
        "dpi": list(facts.dpi) if facts.dpi else None,
        "page_count": facts.page_count,
        "is_animated": facts.is_animated,
        "is_partial": facts.is_cut,
        "metadata": dict(facts.tags),
        "perceptual_hash": analysis.look.perceptual_hash,
        "difference_hash": analysis.look.difference_hash,
        "dominant_colors": [
            {"hex": color.hex, "share": color.share} for color in analysis.look.colors
        ],
        "caption": analysis.caption,
        "caption_model": analysis.captioner,
        "ocr_engine": analysis.reader,
        "ocr_confidence": analysis.confidence,
        "language": analysis.language,
        "text": analysis.text,
        "pages": [_page(page) for page in analysis.pages],
        "warnings": list(analysis.warnings),
        "process_s": round(process_seconds, 3),
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _page(page: ReadPage) -> JsonObject:
    """Places are in pixels of the page as it was read: upright, `width` x `height`."""
    return {
        "number": page.size.number,
        "width": page.size.width,
        "height": page.size.height,
        "paragraphs": list(page.paragraphs),
        "lines": [
            {"text": line.text, "confidence": line.confidence, "box": _edges(line.box)}
            for line in page.ordered
        ],
    }


def _edges(box: Box) -> list[JsonValue]:
    """Left, top, right, bottom."""
    return [round(edge, 1) for edge in (box.left, box.top, box.right, box.bottom)]


def as_summary(analysis: Analysis, process_seconds: float) -> JsonObject:
    """Flat, and in MoRAG's words: it copies all of this into every chunk."""
    facts = analysis.facts
    told: JsonObject = {
        "content_type": "image",
        "width": facts.width,
        "height": facts.height,
        "format": facts.format,
        "mode": facts.mode,
        "file_size": analysis.file_size,
        "pages": facts.page_count,
        "word_count": analysis.word_count,
        "has_text": bool(analysis.text),
        "phash": analysis.look.perceptual_hash,
        "dominant_colors": [color.hex for color in analysis.look.colors[:_COLORS_IN_SUMMARY]],
        "processing_time": round(process_seconds, 3),
    }
    known: dict[str, JsonValue] = {
        "ocr_confidence": analysis.confidence,
        "ocr_engine": analysis.reader,
        "caption": analysis.caption or None,
        "language": analysis.language,
        "warnings": list(analysis.warnings) or None,
        **facts.tags,
    }
    return told | {name: value for name, value in known.items() if value is not None}
