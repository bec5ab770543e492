"""The one line that an idle agent owes its owner: our reason, the server's, and what ends it."""

from agent.core.breaker import Paused
from agent.core.drain import Mode
from agent.model.ids import Instant, Seconds
from agent.model.restraint import Restraint
from agent.model.snapshot import Contact, WhyIdle
from agent.runtime.agent import Agent
from agent.runtime.board import SERVER
from agent.runtime.owner import OWNER
from agent.runtime.poller import why_nothing

WHEN_IT_COMES = "one that is for it is taken at once"
ASKED_AGAIN = "it asks again by itself"
ENDINGS = {
    OWNER: "`python -m agent resume` ends it",
    SERVER: "the server ends it",
}
"""Of restraints without a known end, by source."""


def why_idle(agent: Agent, contact: Contact, now: Instant) -> WhyIdle | None:
    """None where a job computes, or is on its way to."""
    if any(job.needs_slot for job in agent.board.jobs):
        return None
    if agent.drain.mode is not Mode.RUNNING:
        return WhyIdle(
            local=f"it is coming to its end: {agent.drain.reason}",
            server=contact.trouble,
            change="it ends when what it holds is done",
        )
    if (pause := agent.pause) is not None:
        # Others may be about GPUs that leave the rest at work, or about none of ours.
        standing = agent.board.in_force(now)
        source, restraint = next(one for one in standing if one[1].why == pause.why)
        return _held_back(source, restraint, contact, now)
    trust = agent.board.breaker.trust(now)
    if isinstance(trust, Paused):
        return WhyIdle(
            local=trust.why,
            server=contact.trouble,
            change="it tries one job then",
            change_in=Seconds(trust.until - now),
        )
    return _unhindered(agent, contact)


def _held_back(source: str, restraint: Restraint, contact: Contact, now: Instant) -> WhyIdle:
    is_servers = source == SERVER
    if restraint.until is not None:
        change, change_in = "it goes on by itself then", Seconds(restraint.until - now)
    else:
        change, change_in = ENDINGS.get(source, "it goes on by itself when that is over"), None
    return WhyIdle(
        local=None if is_servers else restraint.why,
        server=restraint.why if is_servers else contact.trouble,
        change=change,
        change_in=change_in,
    )


def _unhindered(agent: Agent, contact: Contact) -> WhyIdle:
    poller = agent.poller
    obstacle = None if poller is None else poller.obstacle
    if obstacle is not None:
        change = "it goes on by itself when that is over"
        return WhyIdle(local=obstacle, server=contact.trouble, change=change)
    if contact.trouble is not None:
        return WhyIdle(local=None, server=contact.trouble, change=ASKED_AGAIN)
    less, heard = (None, None) if poller is None else (poller.why_less, poller.heard)
    # The server answers at once where it has one, and keeps us waiting where it has none.
    nothing = "no job waits that it may take" if heard is None else why_nothing(heard)
    return WhyIdle(local=less, server=nothing, change=WHEN_IT_COMES)
