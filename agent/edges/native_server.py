"""The Job API v1 as the agent speaks it: our values out as bodies, answers back as values."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from agent.edges.http import Answer, Connection
from agent.model.errors import ServerUnavailableError
from agent.model.failures import RETRYABLE, FailureCode
from agent.model.hardware import Hardware
from agent.model.ids import (
    AgentId,
    BootId,
    Bytes,
    Digest,
    JobId,
    JsonObject,
    LeaseId,
    Seconds,
)
from agent.model.lease import InputRef, Offer, Renewal
from agent.ports import Ask, Grant, Introduction, PollResult, Report, Result, Resumed, Terms
from agent.wire import agents, leases, routes
from agent.wire.base import BOOT_HEADER, MAX_POLL_WAIT, Body

POLL_MARGIN = 10.0
"""Seconds that an answer to a poll may come late before the connection is given up."""
LONGEST_MESSAGE = 4000
LONGEST_DETAIL = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who speaks: the agent, and which start of it."""

    agent_id: AgentId
    boot_id: BootId


class NativeServer:
    """The `JobServer` port over HTTP."""

    def __init__(
        self,
        connection: Connection,
        identity: Identity,
        *,
        hardware: Callable[[], Hardware],
        health: Callable[[], JsonObject],
    ) -> None:
        self._connection = connection
        self._identity = identity
        self._hardware = hardware
        self._health = health

    async def hello(self, who: Introduction) -> Terms:
        hardware = self._hardware()
        body = agents.Hello(
            boot_id=self._identity.boot_id,
            boot_seq=who.boot_seq,
            name=who.name,
            version=who.version,
            capability=agents.Capability(who.capability),
            content_types=who.content_types,
            queues=who.queues,
            slots=who.slots,
            labels=who.labels,
            hardware=_hardware_info(hardware),
            location=agents.Location(hostname=hardware.hostname),
            resuming=tuple(
                agents.Resuming(job_id=line.job_id, lease_id=line.lease_id, stage=line.stage)
                for line in who.resuming
            ),
        )
        answer = await self._send("PUT", routes.AGENT, body)
        welcome = answer.parse(agents.Welcome)
        return Terms(
            poll_wait=Seconds(min(welcome.poll_wait_s, MAX_POLL_WAIT)),
            renew_every=Seconds(welcome.renew_every_s),
            lease_ttl=Seconds(welcome.lease_ttl_s),
            messages=welcome.messages,
            resumed=tuple(_resumed(answer) for answer in welcome.resuming),
        )

    async def poll(self, ask: Ask) -> PollResult:
        body = agents.Poll(
            boot_id=self._identity.boot_id,
            request_id=ask.request_id,
            wait_s=ask.wait,
            free_slots=ask.free_slots,
            prefetch=ask.prefetch,
            content_types=ask.content_types,
            max_input_bytes=ask.max_input,
            health=self._health() | ({"idle": ask.why_idle} if ask.why_idle else {}),
        )
        answer = await self._send("POST", routes.POLL, body, deadline=ask.wait + POLL_MARGIN)
        told = answer.parse(agents.PollAnswer)
        return PollResult(
            offer=None if told.offer is None else _offer(told.offer),
            directive=told.directive,
            reason=told.reason,
            skipped=told.skipped,
        )

    async def renew(self, lease_id: LeaseId, report: Report) -> Renewal:
        body = leases.Renew(
            boot_id=self._identity.boot_id,
            stage=report.stage,
            progress=report.progress,
            message=_text(report.message)[:LONGEST_MESSAGE],
            health=self._health(),
        )
        answer = await self._about(lease_id, routes.RENEW, body)
        told = answer.parse(leases.Renewed)
        return Renewal(
            state=told.state,
            ttl=Seconds(told.ttl_s),
            renew_in=Seconds(told.renew_in_s),
            directive=told.directive,
            reason=told.reason,
        )

    async def complete(self, lease_id: LeaseId, result: Result) -> None:
        body = leases.Complete(
            boot_id=self._identity.boot_id,
            manifest=tuple(
                leases.ManifestLine(
                    name=artifact.name,
                    media_type=artifact.media_type,
                    size=artifact.size,
                    sha256=artifact.sha256,
                )
                for artifact in result.manifest
            ),
            summary=_told(result.summary),
            metrics=result.metrics,
        )
        _acknowledged(await self._about(lease_id, routes.COMPLETE, body))

    async def fail(self, lease_id: LeaseId, code: FailureCode, message: str, detail: str) -> None:
        body = leases.Fail(
            boot_id=self._identity.boot_id,
            code=code,
            message=_text(message)[:LONGEST_MESSAGE],
            retryable=code in RETRYABLE,
            detail=_text(detail)[-LONGEST_DETAIL:],
        )
        _acknowledged(await self._about(lease_id, routes.FAIL, body))

    async def release(self, lease_id: LeaseId, reason: str, retry_after: Seconds | None) -> None:
        body = leases.Release(
            boot_id=self._identity.boot_id,
            reason=_text(reason)[:LONGEST_MESSAGE],
            retry_after_s=retry_after,
        )
        _acknowledged(await self._about(lease_id, routes.RELEASE, body))

    async def sign_off(self, keep: Sequence[LeaseId]) -> None:
        await self._send("DELETE", routes.AGENT, agents.SignOff(keep=tuple(keep)), deadline=3.0)

    async def _send(
        self, method: str, route: str, body: BaseModel, *, deadline: float = 30.0
    ) -> Answer:
        url = self._connection.at(routes.fill(route, agent_id=self._identity.agent_id))
        headers = {BOOT_HEADER: self._identity.boot_id}
        return await self._connection.call(
            method, url, json=body, headers=headers, deadline=deadline
        )

    async def _about(self, lease_id: LeaseId, route: str, body: BaseModel) -> Answer:
        url = self._connection.at(routes.fill(route, lease_id=lease_id))
        headers = {BOOT_HEADER: self._identity.boot_id}
        return await self._connection.call("POST", url, json=body, headers=headers)


def _acknowledged(answer: Answer) -> None:
    """A page of something on the way with a 200 is no acknowledgement."""
    if answer.body:
        answer.parse(Body)


def _text(said: str) -> str:
    """Media and file names may bring half characters (lone surrogates), which UTF-8 cannot say."""
    return said.encode("utf-8", "replace").decode()


def _told(summary: JsonObject) -> JsonObject:
    told: JsonObject = json.loads(_text(json.dumps(summary, ensure_ascii=False)))
    return told


def _hardware_info(hardware: Hardware) -> agents.HardwareInfo:
    return agents.HardwareInfo(
        cpu_cores=hardware.cpu_cores,
        memory_bytes=hardware.memory,
        disk_free_bytes=hardware.disk_free,
        gpus=tuple(
            agents.GpuInfo(name=gpu.name, memory_bytes=gpu.memory, driver=gpu.driver)
            for gpu in hardware.gpus
        ),
    )


def _offer(told: agents.OfferInfo) -> Offer:
    return Offer(
        job_id=JobId(told.job_id),
        lease_id=LeaseId(told.lease_id),
        attempt=told.attempt,
        offer_ttl=Seconds(told.offer_ttl_s),
        lease_ttl=Seconds(told.lease_ttl_s),
        queue=told.queue,
        content_type=told.content_type,
        options=told.options,
        input=_input(told.input),
        artifacts_url=told.artifacts.url,
        transport=told.artifacts.transport,
        timeout=None if told.timeout_s is None else Seconds(told.timeout_s),
    )


def _resumed(told: agents.Resumed) -> Resumed:
    """`ok` without a lease and its addresses is not the protocol's: then ask again."""
    named = LeaseId(told.lease_id)
    if told.state is not agents.ResumedState.OK:
        return Resumed(named, None)
    if told.new_lease_id is None or told.input is None or told.artifacts is None:
        raise ServerUnavailableError("the server resumed a job without saying how to go on")
    grant = Grant(
        lease_id=LeaseId(told.new_lease_id),
        input=_input(told.input),
        artifacts_url=told.artifacts.url,
        transport=told.artifacts.transport,
    )
    return Resumed(named, grant)


def _input(told: agents.InputInfo) -> InputRef:
    if not told.url:
        raise ServerUnavailableError("the server offered a job whose input has no address")
    return InputRef(
        url=told.url,
        size=None if told.size is None else Bytes(told.size),
        sha256=None if told.sha256 is None else Digest(told.sha256),
        etag=told.etag,
        filename=told.filename,
        media_type=told.media_type,
    )
