"""What the loops need from the outside world: edges and fakes keep these promises."""

from agent.ports.box import Display, Pool, Probe
from agent.ports.clock import Clock
from agent.ports.notebook import Notebook
from agent.ports.server import (
    Ask,
    Grant,
    Introduction,
    JobServer,
    PollResult,
    Report,
    Result,
    Resumed,
    Resuming,
    Terms,
)
from agent.ports.spool import JobFolder, Partial, Spool
from agent.ports.transfer import (
    ArtifactSink,
    Body,
    InputSource,
    Lane,
    NothingLeft,
    Opened,
    Part,
    Upload,
    Whole,
)

__all__ = [
    "ArtifactSink",
    "Ask",
    "Body",
    "Clock",
    "Display",
    "Grant",
    "InputSource",
    "Introduction",
    "JobFolder",
    "JobServer",
    "Lane",
    "Notebook",
    "NothingLeft",
    "Opened",
    "Part",
    "Partial",
    "PollResult",
    "Pool",
    "Probe",
    "Report",
    "Result",
    "Resumed",
    "Resuming",
    "Spool",
    "Terms",
    "Upload",
    "Whole",
]
