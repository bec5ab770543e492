"""What people read when something went wrong: one sentence a line, and what to do."""

from collections.abc import Iterator

from agent.edges.display import printable
from agent.model.errors import AgentError, NewerBootError


def sentences(error: BaseException) -> Iterator[str]:
    match error:
        case NewerBootError():
            yield _replaced(error)
        case AgentError():
            yield from (printable(line) for line in str(error).splitlines())
        case _:
            yield printable(
                f"a bug, {type(error).__name__}: {error}; run again with --debug for its"
                " traceback and report it"
            )


def _replaced(error: NewerBootError) -> str:
    """The server cannot tell the two apart: it only sees a boot number that is too low."""
    known = "" if error.boot_seq is None else f" (the server knows boot {error.boot_seq})"
    return printable(
        f"{error}: either another process runs under this agent id, or the spool is older than"
        f" the one that was used last{known}; stop the other one, or give this one its own"
        " --agent-id"
    )
