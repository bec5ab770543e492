"""Bugs of the server."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from agent.model.lease import LostReason
from agent.server import receiving
from agent.server.blobs import Blobs, Part
from agent.server.problems import lease_lost
from agent.server.queue import agents as moves
from agent.server.queue import boots
from agent.server.queue.change import put
from agent.server.queue.values import Job, Lease, Moment, Phase
from agent.server.store import clients, leases, matching, upkeep
from agent.server.tus import Checksum
from tests.simulation.planting import Plant, replace_with


def does_not_fence(undo: ExitStack) -> None:
    """A lease that another one has superseded goes on."""

    def make(why_lost: Any) -> Any:
        def lenient(job: Job, lease: Lease) -> LostReason | None:
            reason: LostReason | None = why_lost(job, lease)
            is_old = lease.phase is Phase.SUPERSEDED and not job.has_ended
            return None if is_old else reason

        return lenient

    replace_with(undo, moves, "why_lost", make)


def accepts_results_of_cancelled_jobs(undo: ExitStack) -> None:
    """A cancellation does not stop `complete`."""

    def make(_touch: Any) -> Any:
        def lenient(job: Job, lease_id: Any, *_more: Any) -> Any:
            lease = job.lease(lease_id)
            return job if lease.phase is Phase.HELD else _touch(job, lease_id, *_more)

        return lenient

    replace_with(undo, moves, "touch", make)


def offers_again_to_whoever_asks_again(undo: ExitStack) -> None:
    """A claim is not idempotent: a new request gets another job while an offer stands."""
    replace_with(undo, matching, "_standing", lambda _: lambda *_: {})


def completes_only_once(undo: ExitStack) -> None:
    """`complete` is not idempotent: said again, the lease is called lost."""

    def make(complete: Any) -> Any:
        def forgetful(tx: Any, caller: Any, said: Any) -> Any:
            job = leases._job_of(tx, caller)
            if job.lease(caller.lease_id).phase is Phase.COMPLETED:
                raise lease_lost(LostReason.SUPERSEDED)
            return complete(tx, caller, said)

        return forgetful

    replace_with(undo, leases, "complete", make)


def submits_again_under_the_same_key(undo: ExitStack) -> None:
    """An idempotency key means nothing."""

    def make(submit: Any) -> Any:
        def forgetful(tx: Any, said: Any) -> Any:
            tx.db.execute("UPDATE jobs SET idempotency_key = NULL")
            return submit(tx, said)

        return forgetful

    replace_with(undo, clients, "submit", make)


def acknowledges_before_fsync(undo: ExitStack) -> None:
    """Uploaded bytes are told to be safe while only the kernel has them."""
    replace_with(undo, Part, "sync", lambda _: lambda _part: None)


def publishes_without_syncing_the_name(undo: ExitStack) -> None:
    """A whole file may be without its name after a power cut."""

    def publish(blobs: Blobs, upload: Any) -> None:
        blobs.part_path(upload).rename(blobs.path(upload))

    replace_with(undo, Blobs, "publish", lambda _: publish)


def accepts_whatever_arrives(undo: ExitStack) -> None:
    """No digest is compared, neither of a part nor of the whole."""

    def make(finish: Any) -> Any:
        async def blind(receiver: Any, upload: Any, sha256: Any, note: Any) -> Any:
            return await finish(receiver, upload, upload.sha256 or sha256, note)

        return blind

    replace_with(undo, receiving.Receiver, "_finish", make)
    replace_with(undo, Checksum, "is_right", lambda _: property(lambda _self: True))


def expires_leases_while_it_is_down(undo: ExitStack) -> None:
    """The time that the server was away counts."""
    replace_with(undo, upkeep, "start", lambda _: upkeep.note_alive)


def lets_leases_run_out_early(undo: ExitStack) -> None:
    """A renewal gives ten seconds where it promised ninety."""

    def make(hold: Any) -> Any:
        def short(job: Job, lease: Lease, _until: Moment, now: Moment) -> Job:
            held: Job = hold(job, lease, Moment(now + 10.0), now)
            return held

        return short

    replace_with(undo, moves, "hold", make)


def releases_what_was_to_be_kept(undo: ExitStack) -> None:
    """Sign-off hands back finished results too."""

    def make(leave: Any) -> Any:
        def ruthless(job: Job, agent_id: Any, _keep: Any, now: Moment) -> Job:
            left: Job = leave(job, agent_id, frozenset(), now)
            return left

        return ruthless

    replace_with(undo, boots, "leave", make)


def resumes_nothing(undo: ExitStack) -> None:
    """A job of an earlier start is always lost."""
    replace_with(undo, boots, "resume", lambda _: lambda job, *_: (job, None))


def resumes_again_and_again(undo: ExitStack) -> None:
    """The same hello again makes another lease of the one that it has made."""

    def make(resume: Any) -> Any:
        def restless(job: Job, wish: Any, *more: Any) -> Any:
            lease = job.newest(wish.named)
            other = replace(lease, boot_id="another")  # type: ignore[arg-type]
            return resume(put(job, other, job.updated_at), wish, *more)

        return restless

    replace_with(undo, boots, "resume", make)


def forgets_that_a_lease_was_accepted(undo: ExitStack) -> None:
    """A lease that ran out is never revived."""

    def make(why_lost: Any) -> Any:
        def strict(job: Job, lease: Lease) -> LostReason | None:
            if lease.phase is Phase.EXPIRED:
                return LostReason.EXPIRED
            reason: LostReason | None = why_lost(job, lease)
            return reason

        return strict

    replace_with(undo, moves, "why_lost", make)


ALL: tuple[Plant, ...] = (
    does_not_fence,
    accepts_results_of_cancelled_jobs,
    offers_again_to_whoever_asks_again,
    completes_only_once,
    submits_again_under_the_same_key,
    acknowledges_before_fsync,
    publishes_without_syncing_the_name,
    accepts_whatever_arrives,
    expires_leases_while_it_is_down,
    lets_leases_run_out_early,
    releases_what_was_to_be_kept,
    resumes_nothing,
    resumes_again_and_again,
    forgets_that_a_lease_was_accepted,
)
