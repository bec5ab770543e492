"""tus 1.0.0 on paper: its headers read and written; no I/O."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping

from agent.model.artifact import ARTIFACT_NAME
from agent.model.ids import Digest
from agent.server.digits import number_in
from agent.server.problems import ProblemError, invalid
from agent.server.store.uploads import Announced, Upload
from agent.wire.base import TUS_VERSION
from agent.wire.problems import ProblemCode

EXTENSIONS = ("creation", "creation-with-upload", "checksum", "termination")
ALGORITHMS = ("sha1", "sha256")
CONTENT_TYPE = "application/offset+octet-stream"
RESUMABLE = {"Tus-Resumable": TUS_VERSION}
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Checksum:
    """`Upload-Checksum`: what the bytes of one request must add up to."""

    def __init__(self, algorithm: str, wanted: bytes) -> None:
        self._seen = hashlib.new(algorithm, usedforsecurity=False)
        self._wanted = wanted

    def update(self, block: bytes) -> None:
        self._seen.update(block)

    @property
    def is_right(self) -> bool:
        return self._seen.digest() == self._wanted


def options(max_size: int) -> dict[str, str]:
    return RESUMABLE | {
        "Tus-Version": TUS_VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        "Tus-Max-Size": str(max_size),
    }


def status_of(upload: Upload) -> dict[str, str]:
    """The headers that answer `HEAD`."""
    told = {"name": upload.name, "media_type": upload.media_type}
    if upload.sha256 is not None:
        told["sha256"] = upload.sha256
    return RESUMABLE | {
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.length),
        "Upload-Metadata": ",".join(f"{key} {_base64(value)}" for key, value in told.items()),
        "Cache-Control": "no-store",
    }


def check_version(headers: Mapping[str, str]) -> None:
    if headers.get("tus-resumable") != TUS_VERSION:
        raise ProblemError(
            ProblemCode.BAD_REQUEST,
            f"Tus-Resumable must be {TUS_VERSION}",
            status=412,
            headers={"Tus-Version": TUS_VERSION},
        )


def check_content_type(headers: Mapping[str, str]) -> None:
    if headers.get("content-type", "").split(";")[0].strip().lower() != CONTENT_TYPE:
        raise ProblemError(ProblemCode.UNSUPPORTED_TYPE, f"Content-Type must be {CONTENT_TYPE}")


def number(headers: Mapping[str, str], name: str) -> int:
    found = number_in(headers.get(name.lower(), "").strip())
    if found is None:
        raise ProblemError(ProblemCode.BAD_REQUEST, f"{name} must be a number of bytes")
    return found


def announced(headers: Mapping[str, str], max_size: int) -> Announced:
    length = number(headers, "Upload-Length")
    if length > max_size:
        raise ProblemError(ProblemCode.TOO_LARGE, f"an upload is at most {max_size} bytes")
    metadata = parse_metadata(headers.get("upload-metadata", ""))
    name, sha256 = metadata.get("name", ""), metadata.get("sha256", "")
    if not ARTIFACT_NAME.fullmatch(name):
        raise invalid("Upload-Metadata.name", "not a name that an artifact may have")
    if not _SHA256.fullmatch(sha256):
        raise invalid("Upload-Metadata.sha256", "not a lower-case hex SHA-256")
    media_type = metadata.get("media_type", "")[:255] or "application/octet-stream"
    return Announced(name, media_type, Digest(sha256), length)


def parse_metadata(header: str) -> dict[str, str]:
    """`key base64,key base64,…`; a value may be missing."""
    try:
        pairs = [part.strip().split(" ", 1) for part in header.split(",") if part.strip()]
        return {
            pair[0]: base64.b64decode(pair[1], validate=True).decode() if len(pair) > 1 else ""
            for pair in pairs
        }
    except (binascii.Error, ValueError):
        raise ProblemError(
            ProblemCode.BAD_REQUEST, "Upload-Metadata is not `key base64` pairs"
        ) from None


def checksum(headers: Mapping[str, str]) -> Checksum | None:
    header = headers.get("upload-checksum")
    if header is None:
        return None
    algorithm, _, encoded = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise ProblemError(
            ProblemCode.BAD_REQUEST, f"Upload-Checksum knows {' and '.join(ALGORITHMS)} only"
        )
    try:
        return Checksum(algorithm, base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        raise ProblemError(ProblemCode.BAD_REQUEST, "Upload-Checksum is not base64") from None


def offset_mismatch(upload: Upload) -> ProblemError:
    return ProblemError(
        ProblemCode.OFFSET_MISMATCH,
        f"the upload is at {upload.received}",
        headers=RESUMABLE | {"Upload-Offset": str(upload.received)},
    )


def checksum_mismatch(offset: int, detail: str) -> ProblemError:
    return ProblemError(
        ProblemCode.CHECKSUM_MISMATCH,
        detail,
        headers=RESUMABLE | {"Upload-Offset": str(offset)},
    )


def _base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
