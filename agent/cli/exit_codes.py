"""What the process says to whoever started it; sysexits where they fit."""

from collections.abc import Mapping
from enum import IntEnum

from agent.edges.control_place import ControlRefusedError, NoAgentError, NotOursError
from agent.model.errors import (
    AgentError,
    ConfigError,
    CredentialsRefusedError,
    InputError,
    JobFailedError,
    NewerBootError,
    RequestRefusedError,
    ServerError,
    SpoolError,
)


class ExitCode(IntEnum):
    OK = 0
    NO = 1
    NO_AGENT = 3
    USAGE = 64
    REFUSED = 65
    NO_INPUT = 66
    UNAVAILABLE = 69
    BUG = 70
    DISK = 74
    WEDGED = 75
    REPLACED = 76
    UNAUTHORIZED = 77
    CONFIG = 78
    INTERRUPTED = 130


MEANING: Mapping[ExitCode, str] = {
    ExitCode.OK: "done; `run`: drained, stopped or told to end",
    ExitCode.NO: "done, and the answer is no: a job failed, or `doctor` or `models` found trouble",
    ExitCode.NO_AGENT: "no agent runs on that spool, or it does not answer",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.REFUSED: "the server refuses the request as it is, and would again",
    ExitCode.NO_INPUT: "a file is not there, cannot be read, or came damaged",
    ExitCode.UNAVAILABLE: "no server or model hub there (`run` waits), or its port is taken",
    ExitCode.BUG: "a bug of the agent: please report it",
    ExitCode.DISK: "the spool, data or models folder cannot be used, or is full",
    ExitCode.WEDGED: "`run` stood still and ended itself: start it again, its jobs go on",
    ExitCode.REPLACED: "another process runs under the same agent id, or the spool is an older one",
    ExitCode.UNAUTHORIZED: "unknown, revoked or wrong token (`run` waits), or not your agent",
    ExitCode.CONFIG: "the settings are wrong; nothing was started",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C, `demo` by SIGTERM too (`run` drains and ends with 0)",
}


class UsageError(AgentError):
    """The command line asks for something that does not exist."""


class NoInputError(AgentError):
    """A file named on the command line cannot be read."""


_CODES: Mapping[type[AgentError], ExitCode] = {
    NoAgentError: ExitCode.NO_AGENT,
    NotOursError: ExitCode.UNAUTHORIZED,
    ControlRefusedError: ExitCode.NO,
    UsageError: ExitCode.USAGE,
    NoInputError: ExitCode.NO_INPUT,
    ConfigError: ExitCode.CONFIG,
    CredentialsRefusedError: ExitCode.UNAUTHORIZED,
    NewerBootError: ExitCode.REPLACED,
    RequestRefusedError: ExitCode.REFUSED,
    ServerError: ExitCode.UNAVAILABLE,
    SpoolError: ExitCode.DISK,
    InputError: ExitCode.NO_INPUT,
    JobFailedError: ExitCode.NO,
}


def code_of(error: BaseException) -> ExitCode:
    """The code of the nearest kind that the table lists; everything else is a bug."""
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), ExitCode.BUG)


def root_of(error: BaseException) -> BaseException:
    """Task groups wrap what went wrong; people want to read the thing itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def epilog() -> str:
    return "exit codes:\n" + "\n".join(f"  {code:>3}  {MEANING[code]}" for code in ExitCode)
