"""Has the agent on this box do something, and says what the owner should know about it."""

import sys
from pathlib import Path

from agent.edges.control_client import asked
from agent.edges.control_place import ControlRefusedError
from agent.edges.display import printable
from agent.model.control import AskDrain, AskPause, AskResume, Done
from agent.model.snapshot import Snapshot


def carried_out(spool: Path, wish: AskPause | AskResume | AskDrain) -> Snapshot:
    """How the agent is after it."""
    answer = asked(spool, wish)
    if not isinstance(answer, Done):
        raise ControlRefusedError(f"the agent answers something else: {answer.kind}")
    if answer.caveat is not None:
        print(f"warning: {printable(answer.caveat)}", file=sys.stderr)
    return answer.snapshot


def jobs(snapshot: Snapshot) -> str:
    count = len(snapshot.held)
    return "1 job" if count == 1 else f"{count} jobs"
