"""The `ArtifactSink` of a server that takes one text: what it is made of is laid out here."""

from collections.abc import Collection, Mapping

from agent.model.artifact import Artifact
from agent.model.errors import OffsetMismatchError, UploadGoneError
from agent.model.ids import Bytes
from agent.ports import Upload

TRANSPORT = "morag"


class ResultTray:
    """Takes the artifacts that the text is made of; the others stay where they are.

    Nothing leaves the box before the job is completed, and nothing is kept here that the spool
    does not hold: after a restart it is laid out again.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = frozenset(wanted)
        self._laid: dict[str, dict[str, bytearray]] = {}

    @property
    def transport(self) -> str:
        return TRANSPORT

    def of(self, url: str) -> Mapping[str, bytes]:
        """What was laid out for the job whose artifacts go to `url`."""
        return {name: bytes(content) for name, content in self._laid.get(url, {}).items()}

    def clear(self, url: str) -> None:
        self._laid.pop(url, None)

    async def create(self, url: str, artifact: Artifact, first: bytes) -> Upload:
        place = f"{url}/{artifact.name}"
        if artifact.name not in self._wanted:
            return Upload(place, artifact.size)
        content = self._laid.setdefault(url, {}).setdefault(artifact.name, bytearray())
        if not content:
            content += first
        return Upload(place, Bytes(len(content)))

    async def offset(self, upload_url: str) -> Bytes:
        return Bytes(len(self._content(upload_url)))

    async def append(self, upload_url: str, offset: Bytes, data: bytes) -> Bytes:
        content = self._content(upload_url)
        if offset != len(content):
            raise OffsetMismatchError(f"{len(content)} bytes are laid out, not {offset}")
        content += data
        return Bytes(len(content))

    def _content(self, upload_url: str) -> bytearray:
        url, _, name = upload_url.rpartition("/")
        try:
            return self._laid[url][name]
        except KeyError:
            raise UploadGoneError("nothing is laid out there") from None
