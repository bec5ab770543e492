"""Artifacts by tus: the `ArtifactSink` port."""

from agent.edges.tus import TusClient
from agent.model.artifact import Artifact
from agent.model.ids import Bytes
from agent.ports import Upload

TRANSPORT = "tus"


class TusArtifactSink:
    def __init__(self, tus: TusClient) -> None:
        self._tus = tus

    @property
    def transport(self) -> str:
        return TRANSPORT

    async def create(self, url: str, artifact: Artifact, first: bytes) -> Upload:
        metadata = {
            "name": artifact.name,
            "media_type": artifact.media_type,
            "sha256": artifact.sha256,
            # What other tus servers call these; some insist on it.
            "filename": artifact.name,
            "filetype": artifact.media_type,
        }
        return await self._tus.create(url, size=artifact.size, metadata=metadata, first=first)

    async def offset(self, upload_url: str) -> Bytes:
        return await self._tus.offset(upload_url)

    async def append(self, upload_url: str, offset: Bytes, data: bytes) -> Bytes:
        return await self._tus.append(upload_url, offset, data)
