"""Brings a finished result to the server, however long it takes: computed is not yet delivered."""

import asyncio
from collections.abc import Callable

import structlog

from agent.core.tries import Momentum
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
from agent.runtime.race import first_of
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


class _Way:
    """How far one artifact is, as far as we know."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self.plan = UploadPlan(artifact.size)
        self.momentum = Momentum()
        self.url: str | None = None
        """None: it has to be created, again perhaps; that gives the same upload."""
        self.in_doubt: Bytes | None = None
        """Where a part was sent to of which nobody said that it arrived."""


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
        self._heard = asyncio.Event()
        self.moved = self.to_move = Bytes(0)

    def on_contact(self) -> None:
        """The server has answered another call: an outage is over."""
        self._heard.set()

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
        self.to_move = Bytes(whole)
        before = 0
        for artifact in artifacts:
            await self._upload(artifact, before / whole, artifact.size / whole)
            before += artifact.size

    async def _upload(self, artifact: Artifact, start: float, share: float) -> None:
        way = _Way(artifact)
        while True:
            try:
                upload = await self._locate(way)
                offset = upload.offset
                while isinstance(step := way.plan.next_step(offset), SendPart):
                    offset = await self._send(way, upload.url, step)
                    done = start + share * offset / artifact.size
                    self.moved = Bytes(round(done * self.to_move))
                    self._on_progress(done)
            except TooLargeError as error:
                way.plan.on_too_large()
                if way.plan.is_at_smallest:
                    await self._pause(error)
            except PASSING as error:
                if isinstance(error, UploadGoneError):
                    way.url = None
                await self._pause(error, at_once=way.momentum.on_failure())
            else:
                return

    async def _locate(self, way: _Way) -> Upload:
        """Where the server is: its word alone counts, after anything at all."""
        upload = await (self._create(way) if way.url is None else self._ask(way.url))
        way.url = upload.url
        if way.in_doubt == upload.offset:
            way.plan.on_lost()
        way.in_doubt = None
        self._note(way, upload.offset)
        return upload

    async def _create(self, way: _Way) -> Upload:
        first, artifact = b"", way.artifact
        # After a failure nothing is sent along: something on the way may not like it.
        if not self._failures and isinstance(step := way.plan.next_step(Bytes(0)), SendPart):
            length = Bytes(min(step.length, FIRST_PART))
            first = await self._folder.read(artifact, Bytes(0), length)
        tools, place = self._tools, self._offer.artifacts_url
        return await tools.server.known(lambda: tools.sink.create(place, artifact, first))

    async def _ask(self, url: str) -> Upload:
        tools = self._tools
        try:
            return Upload(url, await tools.server.known(lambda: tools.sink.offset(url)))
        except ServerUnavailableError as error:
            if not error.answered:
                raise
            # An answer without a body says that something is wrong, but not what: creating the
            # upload again gives the same one, or the reason.
            raise UploadGoneError(str(error)) from error

    async def _send(self, way: _Way, url: str, step: SendPart) -> Bytes:
        data = await self._folder.read(way.artifact, step.offset, step.length)
        tools, started = self._tools, self._tools.clock.now()
        try:
            offset = await tools.server.known(lambda: tools.sink.append(url, step.offset, data))
        except ServerUnavailableError:
            way.in_doubt = step.offset
            raise
        if offset <= step.offset:
            raise OffsetMismatchError("the server took nothing of what was sent")
        way.plan.on_sent(Seconds(tools.clock.now() - started))
        self._note(way, offset)
        return offset

    def _note(self, way: _Way, offset: Bytes) -> None:
        if way.momentum.on_bytes(offset):
            self._failures = 0

    async def _pause(self, error: ServerError, *, at_once: bool = False) -> None:
        """`at_once`: only for as long as the server asks for."""
        clock = self._tools.clock
        if isinstance(error, CredentialsRefusedError):
            pause = CREDENTIALS_BACKOFF.delay(self._failures)
        else:
            retry_after = getattr(error, "retry_after", None)
            backoff = self._tools.delivery_backoff
            pause = retry_after or Seconds(0.0)
            pause = pause if at_once else backoff.delay(self._failures, retry_after)
        self._failures += 1
        _log.warning("delivery.postponed", reason=str(error), retry_in_s=round(pause, 1))
        sleep = clock.sleep_until(Instant(clock.now() + pause))
        if isinstance(error, ServerUnavailableError) and not error.answered:
            self._heard.clear()
            await first_of(sleep, self._heard.wait())
        else:
            await sleep
