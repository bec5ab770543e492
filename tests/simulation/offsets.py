"""An acknowledged byte stays: what the wire said about every upload."""

from dataclasses import dataclass, field

from tests.simulation.call import Call, Reply

CHECKSUM = 460
SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class _Acknowledged:
    offset: int
    by: int
    """The call that was told so: only later ones must know it."""


@dataclass
class Offsets:
    _known: dict[str, _Acknowledged] = field(default_factory=dict[str, _Acknowledged])
    _latest: int = 0

    def on_answer(self, call: Call, reply: Reply) -> list[str]:
        """What is wrong with it."""
        self._latest = max(self._latest, call.number)
        if reply.status == CHECKSUM:
            # Bytes that turned out wrong may be taken back, and the announcement names no upload.
            self._known.clear()
            return []
        offset, upload = reply.header("upload-offset"), _upload_of(call, reply)
        if offset is None or upload is None or reply.status not in SUCCESS:
            return []
        known = self._known.get(upload)
        if known is None or int(offset) >= known.offset:
            self._known[upload] = _Acknowledged(int(offset), self._latest)
        elif call.number > known.by:
            return [f"upload {upload}: {known.offset} bytes were acknowledged, now {offset}"]
        return []


def _upload_of(call: Call, reply: Reply) -> str | None:
    if call.verb == "artifacts":
        location = reply.header("location") or call.path
        return location.rsplit("/", 1)[-1]
    return call.path if call.path.startswith("/v1/jobs/") else None
