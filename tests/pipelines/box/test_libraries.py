"""The libraries that read strangers' files work behind all the walls."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from agent.pipelines.box.running import Box

PAGE = """<html><head><title>Ships</title></head><body><article><h1>Ships</h1>
<p>Our ship left the harbor in heavy rain, and nobody on the pier believed that it would return.</p>
<p>Three days later we found a small island with green hills and very friendly people.</p>
</article></body></html>"""


def pdf_of(text: str) -> bytes:
    """The smallest PDF with a font and one line of text."""
    stream = f"BT /F1 24 Tf 20 100 Td ({text}) Tj ET"
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources 6 0 R/MediaBox[0 0 300 200]>>",
        f"<</Length {len(stream)}>>\nstream\n{stream}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        "<</Font<</F1 5 0 R>>>>",
    ]
    body, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    count = len(objects) + 1
    tail = f"xref\n0 {count}\n0000000000 65535 f \n{table}"
    end = f"trailer\n<</Size {count}/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF\n"
    return (body + tail + end).encode()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(5))
        stream.width, stream.height = 64, 48
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_pictures_and_films_are_read(probe: Box, video: Path, scratch: Path) -> None:
    Image.new("RGB", (40, 30)).save(scratch / "picture.png")

    assert probe.read("read_media", video, scratch) == {
        "frames": 5,
        "shape": [48, 64, 3],
        "cv2": [8, 16, 3],
        "PIL": [40, 30],
        "numpy": 256.0,
        "font": True,
        "heif": True,
    }
    assert (scratch / "written.jpg").stat().st_size > 0


def test_documents_and_pages_are_read(probe: Box, tmp_path: Path, scratch: Path) -> None:
    (scratch / "page.html").write_text(PAGE)
    file = tmp_path / "paper.pdf"
    file.write_bytes(pdf_of("Three days later"))

    found = probe.read("read_documents", file, scratch)

    assert "small island" in str(found.pop("trafilatura"))
    assert found.pop("rendered") == 300
    for library, text in found.items():
        assert "Three days later" in str(text), library
