"""Why a job stays queued: who waits is told once, from what the server says of its agents."""

import asyncio
import sys
from collections.abc import Sequence

from agent.edges.display import printable
from agent.edges.jobs_client import JobsClient
from agent.model.errors import ServerError
from agent.model.lease import Directive
from agent.wire.fleet import AgentInfo
from agent.wire.jobs import JobState, NewJob

LONG = 10.0
"""Seconds; an idle agent takes a job in a fraction of one."""


class Patience:
    """Waits with one job, and says once why nothing happens."""

    def __init__(self, client: JobsClient, name: str, job: NewJob) -> None:
        self._client = client
        self._name = name
        self._job = job
        self.state = JobState.CREATED
        """The last that was heard."""

    async def run_out(self) -> None:
        await asyncio.sleep(LONG)
        if self.state is not JobState.QUEUED:
            return
        try:
            agents = await self._client.agents()
        except ServerError:
            return  # the wait goes on; whoever follows the job tells what is wrong
        why = why_queued(self._job, agents)
        print(printable(f"{self._name}: still queued: {why}"), file=sys.stderr, flush=True)


def why_queued(job: NewJob, agents: Sequence[AgentInfo]) -> str:
    """Seen from outside: the first of the reasons that holds."""
    online = [agent for agent in agents if agent.online]
    able = [agent for agent in online if job.content_type in agent.content_types]
    fitting = [agent for agent in able if not agent.queues or job.queue in agent.queues]
    willing = [agent for agent in fitting if agent.directive is Directive.CONTINUE]
    free = [agent for agent in willing if len(agent.holds) < agent.slots]
    if not online:
        return "no agent is online; start one with `python -m agent run`"
    if not able:
        return f"no agent that is online takes {job.content_type}; {_takes(online)}"
    if not fitting:
        return f"{_names(able)} would take it, but from no queue {job.queue}"
    if not willing:
        return f"{_names(fitting)} would take it, but may take nothing new (pause or drain)"
    if not free:
        return f"all that take {job.content_type} are busy: {_names(willing)}"
    return f"{_names(free)} could take it, and has not so far (too large for it, or failed there?)"


def _names(agents: Sequence[AgentInfo]) -> str:
    return ", ".join(agent.agent_id for agent in agents)


def _takes(agents: Sequence[AgentInfo]) -> str:
    return "; ".join(f"{agent.agent_id} takes {', '.join(agent.content_types)}" for agent in agents)
