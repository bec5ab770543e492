"""What is known of the agents' presence: kept in memory, since only the last minutes matter."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.model.ids import AgentId, BootId, JsonObject
from agent.model.lease import Directive
from agent.server.queue.choice import Seeker, Sighting
from agent.server.queue.values import Moment


@dataclass(slots=True)
class Presence:
    seen_at: Moment
    health: JsonObject = field(default_factory=dict)
    sighting: Sighting | None = None
    told: tuple[BootId, Directive] | None = None
    """The directive that the agent was last answered."""
    answered: str | None = None
    """The last poll that was answered without an offer."""


class Fleet:
    def __init__(self) -> None:
        self._present: dict[AgentId, Presence] = {}

    def saw(self, agent_id: AgentId, now: Moment, health: JsonObject | None = None) -> None:
        presence = self._present.setdefault(agent_id, Presence(now))
        presence.seen_at = now
        if health:
            presence.health = health

    def saw_place(self, seeker: Seeker, now: Moment) -> None:
        self.saw(seeker.agent_id, now)
        self._present[seeker.agent_id].sighting = Sighting(seeker, now)

    def saw_end(self, agent_id: AgentId) -> None:
        """It signed off, or a later boot began: nothing it said before counts."""
        self._present.pop(agent_id, None)

    def note_told(self, agent_id: AgentId, boot_id: BootId, directive: Directive) -> None:
        if agent_id in self._present:
            self._present[agent_id].told = (boot_id, directive)

    def knows(self, agent_id: AgentId, boot_id: BootId, directive: Directive) -> bool:
        """Has this process been told? `continue` is what it assumes."""
        presence = self._present.get(agent_id)
        told = None if presence is None else presence.told
        if told is None or told[0] != boot_id:
            return directive is Directive.CONTINUE
        return told[1] is directive

    def note_answered(self, agent_id: AgentId, request_id: str) -> None:
        if agent_id in self._present:
            self._present[agent_id].answered = request_id

    def has_answered(self, agent_id: AgentId, request_id: str) -> bool:
        presence = self._present.get(agent_id)
        return presence is not None and presence.answered == request_id

    def of(self, agent_id: AgentId) -> Presence | None:
        return self._present.get(agent_id)

    def sightings(self) -> Sequence[Sighting]:
        return [p.sighting for p in self._present.values() if p.sighting is not None]

    def online(self, now: Moment, offline_after: float) -> int:
        return sum(now - p.seen_at <= offline_after for p in self._present.values())
