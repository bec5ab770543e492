import pytest

from agent.pipelines.document.charset import read_text
from agent.pipelines.errors import MediaUnreadableError

GERMAN = "Füße auf größeren Straßen: schöne Grüße aus Köln, und viel Vergnügen!\n" * 5


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"],
)
def test_text_in_any_usual_encoding_is_read(encoding: str) -> None:
    assert read_text(GERMAN.encode(encoding)).content == GERMAN


def test_cyrillic_in_a_legacy_encoding_is_read() -> None:
    russian = "Привет, как дела? Сегодня хорошая погода, и мы идём гулять в парк.\n" * 5

    assert read_text(russian.encode("cp1251")).content == russian


def test_the_encoding_is_named() -> None:
    assert read_text(b"plain").encoding == "utf-8"
    assert read_text("marked".encode("utf-16")).encoding == "utf-16"


def test_every_kind_of_newline_becomes_one() -> None:
    assert read_text(b"a\r\nb\rc\nd").content == "a\nb\nc\nd"


@pytest.mark.parametrize(
    ("raw", "looks"),
    [
        (b"%PDF-1.7\n\xe2\xe3\xcf\xd3 \x00\x01", "a PDF document"),
        (b"PK\x03\x04\x14\x00\x06\x00" + bytes(range(256)), "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a PNG image"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00", "an MP4"),
        (b"\xff\xd8\xff\xe0\x10JFIF" + bytes(range(128, 256)), "a JPEG image"),
        (b"fLaC\x00\x00\x00\x22" + bytes(64), "a FLAC file"),
    ],
)
def test_a_known_binary_format_is_refused_by_its_name(raw: bytes, looks: str) -> None:
    with pytest.raises(MediaUnreadableError, match=looks):
        read_text(raw)


@pytest.mark.parametrize(
    "raw",
    [bytes(range(256)) * 40, b"\x01\x02\x03\x04\x05\x06\x07" * 20, b"text\0with\0zeros" * 20],
)
def test_other_binary_data_is_refused(raw: bytes) -> None:
    with pytest.raises(MediaUnreadableError, match="binary data"):
        read_text(raw)


def test_text_that_breaks_its_own_byte_order_mark_is_refused() -> None:
    with pytest.raises(MediaUnreadableError):
        read_text(b"\xff\xfea\x00b\x00\xff\xdf")


@pytest.mark.parametrize(("raw", "why"), [(b"", "is empty"), (b" \r\n\t\n", "holds no text")])
def test_nothing_is_not_text(raw: bytes, why: str) -> None:
    with pytest.raises(MediaUnreadableError, match=why):
        read_text(raw)
