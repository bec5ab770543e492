"""Bodies of section 8 that speak of agents: the fleet, and what it is told to do."""

from pydantic import Field, JsonValue

from agent.model.lease import Directive
from agent.wire.agents import Capability, HardwareInfo, Location
from agent.wire.base import Body, Duration, Text, Token


class DirectiveOrder(Body):
    directive: Directive
    reason: Text | None = None


class HeldInfo(Body):
    job_id: Token
    lease_id: Token
    stage: str | None = None
    progress: float | None = None


class AgentInfo(Body):
    """One line of the fleet."""

    agent_id: str
    name: str
    version: str
    capability: Capability
    content_types: tuple[str, ...]
    queues: tuple[str, ...]
    slots: int
    labels: dict[str, str] = Field(default_factory=dict)
    hardware: HardwareInfo = HardwareInfo()
    location: Location = Location()
    health: dict[str, JsonValue] = Field(default_factory=dict)
    online: bool
    last_seen_s: Duration
    """Seconds since the agent was last heard."""
    directive: Directive
    directive_reason: str | None = None
    holds: tuple[HeldInfo, ...] = ()


class AgentList(Body):
    agents: tuple[AgentInfo, ...]
