"""Brings a finished result to the server, however long it takes: computed is not yet delivered."""

from collections.abc import Callable

import structlog

from agent.core.upload_plan import FIRST_PART, SendPart, UploadPlan
from agent.model.artifact import Artifact
from agent.model.errors import (
    ArtifactsRefusedError,
    CredentialsRefusedError,
    OffsetMismatchError,
    RequestRefusedError,
    ServerError,
    ServerUnavailableError,
    TooLargeError,
    UploadGoneError,
)
from agent.model.ids import Bytes, Instant, Seconds
from agent.model.lease import Offer
from agent.ports import JobFolder, Result, Upload
from agent.runtime.patience import CREDENTIALS_BACKOFF
from agent.runtime.tools import Tools

PASSING = (
    CredentialsRefusedError,
    OffsetMismatchError,
    RequestRefusedError,
    ServerUnavailableError,
    UploadGoneError,
)
"""What a delivery outlasts: no answer turns a computed result into a failure."""

_log = structlog.get_logger(__name__)


class Delivery:
    """One sealed result on its way up."""

    def __init__(
        self, offer: Offer, folder: JobFolder, tools: Tools, on_progress: Callable[[float], None]
    ) -> None:
        self._offer = offer
        self._folder = folder
        self._tools = tools
        self._on_progress = on_progress
        self._failures = 0

    async def run(self, artifacts: tuple[Artifact, ...], result: Callable[[], Result]) -> None:
        """Return when the server has acknowledged `result`, which is asked for at the last moment.

        Raises only what the server says about the lease, and `SpoolError` when the result cannot
        be read from our own disk.
        """
        missing = artifacts
        while True:
            await self._upload_all(missing)
            try:
                await self._tools.server.complete(self._offer.lease_id, result())
            except ArtifactsRefusedError as error:
                names = set(error.names)
                missing = tuple(a for a in artifacts if a.name in names) or artifacts
                await self._pause(error)
            except PASSING as error:
                missing = ()
                await self._pause(error)
            else:
                return

    async def _upload_all(self, artifacts: tuple[Artifact, ...]) -> None:
        whole = sum(artifact.size for artifact in artifacts) or 1
        before = 0
        for artifact in artifacts:
            await self._upload(artifact, before / whole, artifact.size / whole)
            before += artifact.size

    async def _upload(self, artifact: Artifact, start: float, share: float) -> None:
        plan = UploadPlan(artifact.size)
        while True:
            try:
                # Creating it again gives the same upload and tells where the server is:
                # the one way to go on after anything at all.
                upload = await self._create(artifact, plan)
                offset = upload.offset
                while isinstance(step := plan.next_step(offset), SendPart):
                    offset = await self._send(artifact, upload, step, plan)
                    self._on_progress(start + share * offset / artifact.size)
            except TooLargeError as error:
                plan.on_too_large()
                if plan.is_at_smallest:
                    await self._pause(error)
            except PASSING as error:
                await self._pause(error)
            else:
                return

    async def _create(self, artifact: Artifact, plan: UploadPlan) -> Upload:
        first = b""
        # After a failure nothing is sent along: something on the way may not like it.
        if not self._failures and isinstance(step := plan.next_step(Bytes(0)), SendPart):
            length = Bytes(min(step.length, FIRST_PART))
            first = await self._folder.read(artifact, Bytes(0), length)
        tools, url = self._tools, self._offer.artifacts_url
        return await tools.server.known(lambda: tools.sink.create(url, artifact, first))

    async def _send(
        self, artifact: Artifact, upload: Upload, step: SendPart, plan: UploadPlan
    ) -> Bytes:
        data = await self._folder.read(artifact, step.offset, step.length)
        started = self._tools.clock.now()
        tools = self._tools
        offset = await tools.server.known(lambda: tools.sink.append(upload.url, step.offset, data))
        if offset <= step.offset:
            raise OffsetMismatchError("the server took nothing of what was sent")
        plan.on_sent(Seconds(self._tools.clock.now() - started))
        self._failures = 0
        return offset

    async def _pause(self, error: ServerError) -> None:
        clock = self._tools.clock
        if isinstance(error, CredentialsRefusedError):
            pause = CREDENTIALS_BACKOFF.delay(self._failures)
        else:
            retry_after = getattr(error, "retry_after", None)
            pause = self._tools.delivery_backoff.delay(self._failures, retry_after)
        self._failures += 1
        _log.warning("delivery.postponed", reason=str(error), retry_in_s=round(pause, 1))
        await clock.sleep_until(Instant(clock.now() + pause))
