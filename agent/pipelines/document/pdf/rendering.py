"""Draws pages of a PDF, so that their letters can be recognised where pictures are all there is."""

from pathlib import Path

import pypdfium2

from agent.model.ids import JsonObject, JsonValue
from agent.pipelines.box.request import Tell

_DPI = 200
"""Letters of ten points are 28 pixels high, which is what recognition likes."""
_POINTS = 72
_MOST_PIXELS = 25_000_000
"""A0 at 200 dpi has 60 million: drawn smaller."""


def render_pages(
    file: Path, scratch: Path, numbers: list[int], password: str, tell: Tell
) -> JsonObject:
    """`{"pages": [{number, name, width, height}, …]}`, each page in a file of its own."""
    drawn: list[JsonValue] = []
    with pypdfium2.PdfDocument(file, password=password or None) as document:
        for number in numbers:
            drawn.append(_render(document, number, scratch))
            tell(len(drawn) / len(numbers))
    return {"pages": drawn}


def _render(document: pypdfium2.PdfDocument, number: int, scratch: Path) -> JsonObject:
    page = document[number - 1]
    scale = _DPI / _POINTS
    pixels = page.get_width() * page.get_height() * scale**2
    scale *= min(1.0, (_MOST_PIXELS / max(pixels, 1.0)) ** 0.5)
    image = page.render(scale=scale, rev_byteorder=True).to_pil().convert("RGB")
    name = f"page-{number}.rgb"
    (scratch / name).write_bytes(image.tobytes())
    page.close()
    return {"number": number, "name": name, "width": image.width, "height": image.height}
