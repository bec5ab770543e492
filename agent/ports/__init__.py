"""What the loops need from the outside world: edges and fakes keep these promises."""

from agent.ports.box import Display, Pool, Probe
from agent.ports.clock import Clock
from agent.ports.desk import Clocks, Desk, PauseNote
from agent.ports.morag import Claims, InDoubt, NotTaken, RemoteJobs, Sent, Sight, Taken
from agent.ports.notebook import Notebook
from agent.ports.observer import Observer, Unobserved
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
    FREE_PIECE,
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
from agent.ports.watch import Watch

__all__ = [
    "FREE_PIECE",
    "ArtifactSink",
    "Ask",
    "Body",
    "Claims",
    "Clock",
    "Clocks",
    "Desk",
    "Display",
    "Grant",
    "InDoubt",
    "InputSource",
    "Introduction",
    "JobFolder",
    "JobServer",
    "Lane",
    "NotTaken",
    "Notebook",
    "NothingLeft",
    "Observer",
    "Opened",
    "Part",
    "Partial",
    "PauseNote",
    "PollResult",
    "Pool",
    "Probe",
    "RemoteJobs",
    "Report",
    "Result",
    "Resumed",
    "Resuming",
    "Sent",
    "Sight",
    "Spool",
    "Taken",
    "Terms",
    "Unobserved",
    "Upload",
    "Watch",
    "Whole",
]
