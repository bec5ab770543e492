"""What an earlier start left in the spool: told at hello, and each job put on its way again."""

from collections.abc import Callable
from dataclasses import replace

from agent.model.ids import Instant
from agent.model.lease import Received
from agent.ports import Grant, JobFolder, Resuming, Spool, Terms


class Resumption:
    """The jobs of earlier starts, from the spool's list until the server's word on each."""

    def __init__(self) -> None:
        self._waiting: tuple[JobFolder, ...] = ()

    async def find(self, spool: Spool) -> None:
        """Ask the spool, once."""
        self._waiting = await spool.held()

    @property
    def lines(self) -> tuple[Resuming, ...]:
        """What hello says about those that still wait for an answer."""
        return tuple(_line(folder) for folder in self._waiting)

    def settle(
        self,
        terms: Terms,
        asked_at: Instant,
        *,
        go_on: Callable[[Received, JobFolder], None],
        part_with: Callable[[JobFolder], None],
    ) -> None:
        """Do what the server says; a job that it is silent about is lost too."""
        waiting, self._waiting = self._waiting, ()
        grants = {answer.named: answer.grant for answer in terms.resumed}
        for folder in waiting:
            grant = grants.get(folder.journal.offer.lease_id)
            if grant is None:
                part_with(folder)
            else:
                go_on(_received(folder, grant, terms, asked_at), folder)


def _line(folder: JobFolder) -> Resuming:
    offer = folder.journal.offer
    return Resuming(offer.job_id, offer.lease_id, folder.journal.stage)


def _received(folder: JobFolder, grant: Grant, terms: Terms, asked_at: Instant) -> Received:
    offer = replace(
        folder.journal.offer,
        lease_id=grant.lease_id,
        input=grant.input,
        artifacts_url=grant.artifacts_url,
        transport=grant.transport,
        lease_ttl=terms.lease_ttl,
    )
    return Received(offer, asked_at, is_lease=True)
