"""Reads the XML inside of documents; what declares entities of its own is refused."""

import zipfile
from xml.etree.ElementTree import Element, ParseError, XMLParser

from agent.pipelines.errors import MediaUnreadableError


def parse_part(archive: zipfile.ZipFile, name: str) -> Element:
    """Raises `KeyError`, `ParseError` or `MediaUnreadableError`."""
    content = archive.read(name)
    # No office program writes one, and it is all that entity bombs and XXE need.
    if b"<!DOCTYPE" in content or "<!DOCTYPE".encode("utf-16-le") in content:
        raise MediaUnreadableError("a part of the document declares XML entities of its own.")
    parser = XMLParser()  # noqa: S314 - there is no DOCTYPE, hence no entity
    parser.feed(content)
    root = parser.close()
    if not isinstance(root, Element):
        raise ParseError(name)
    return root
