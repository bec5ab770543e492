"""Readers that do with each library what the pipelines do with it, behind all the walls."""

import asyncio
from pathlib import Path
from typing import Any

from agent.model.ids import JsonObject
from agent.pipelines.box.request import Tell


def start_nothing(_file: Path, _scratch: Path, _arguments: JsonObject, _tell: Tell) -> JsonObject:
    return {}


def start_media(_file: Path, _scratch: Path, _arguments: JsonObject, _tell: Tell) -> JsonObject:
    """What most boxes import."""
    import av
    import numpy as np

    return {"av": av.__version__, "numpy": np.__version__}


def start_documents(_file: Path, _scratch: Path, _arguments: JsonObject, _tell: Tell) -> JsonObject:
    import kreuzberg

    return {"kreuzberg": kreuzberg.__version__}


def read_media(file: Path, scratch: Path, _arguments: JsonObject, _tell: Tell) -> JsonObject:
    """`file` is a video; pictures lie in the scratch folder."""
    import av
    import cv2
    import numpy as np
    import pi_heif
    from PIL import Image, ImageFont

    with av.open(str(file)) as container:
        container.streams.video[0].thread_type = "AUTO"
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    pi_heif.register_heif_opener()
    picture: Any = cv2.imread(str(scratch / "picture.png"))
    with Image.open(scratch / "picture.png") as image:
        image.load()
        image.convert("RGB").save(scratch / "written.jpg")
    ones = np.ones((256, 256), np.float32)
    return {
        "frames": len(frames),
        "shape": list(frames[0].shape),
        "cv2": list(cv2.resize(picture, (16, 8)).shape),
        "PIL": list(image.size),
        "numpy": float((ones @ ones)[0, 0]),
        "font": ImageFont.load_default() is not None,
        "heif": bool(pi_heif.libheif_version()),
    }


def read_documents(file: Path, scratch: Path, _arguments: JsonObject, _tell: Tell) -> JsonObject:
    """`file` is a PDF; a page of a site lies in the scratch folder."""
    import kreuzberg
    import pdfplumber
    import pypdfium2
    import trafilatura

    with pdfplumber.open(file) as plumbed:
        plumbed_text = plumbed.pages[0].extract_text()
    with pypdfium2.PdfDocument(file) as document:
        page = document[0]
        text = page.get_textpage().get_text_range()
        width = page.render(scale=1).to_pil().width
    html = (scratch / "page.html").read_text()
    return {
        "pdfplumber": plumbed_text,
        "pypdfium2": text,
        "rendered": width,
        "kreuzberg": kreuzberg.extract_file_sync(file).content,
        "kreuzberg_async": asyncio.run(kreuzberg.extract_file(file)).content,
        "trafilatura": trafilatura.extract(html) or "",
    }
