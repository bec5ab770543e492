"""Every way the agent can fail.

AgentError
├── ConfigError                     the settings do not fit together; nothing was started
├── SpoolError                      our own disk failed us
│   └── DiskFullError               … by being full
├── ServerError                     the server answered, or did not
│   ├── ServerUnavailableError      no usable answer: may succeed if repeated; may carry Retry-After
│   │   └── AskedTooOftenError      … less often
│   ├── CredentialsRefusedError     401 or 403: the token is unknown, revoked or not for this
│   ├── NewerBootError              another process runs under our agent id
│   ├── UnknownAgentError           the server does not know us: say hello and repeat
│   ├── LeaseLostError              the lease is no longer ours, for the reason it carries
│   ├── ArtifactsRefusedError       `complete` came before these artifacts were whole
│   ├── OffsetMismatchError         the server holds another number of bytes than we thought
│   ├── UploadGoneError             the server forgot the upload: create it again
│   └── RequestRefusedError         the server calls our request wrong: a bug on one side
│       └── TooLargeError           … by its size: an upload goes on with smaller parts
├── InputError                      the input could not be had
│   ├── InputUnavailableError       … from where the offer says it is
│   └── InputCorruptError           … with the size and digest that the offer gives
└── JobError                        a verdict about one job
    ├── JobFailedError              the job cannot be done, with the code that says why
    └── JobReturnedError            the box cannot do it now; the job is fine
"""

from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.lease import LostReason


class AgentError(Exception):
    """Base of all errors raised on purpose."""


class ConfigError(AgentError):
    """One line per problem, each naming the setting."""


class SpoolError(AgentError):
    """The spool folder cannot be used."""


class DiskFullError(SpoolError):
    """No space is left where the spool lies."""


class ServerError(AgentError):
    """The conversation with the server went wrong."""


class ServerUnavailableError(ServerError):
    """The request may succeed if repeated."""

    def __init__(
        self, reason: str, *, retry_after: Seconds | None = None, answered: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.answered = answered
        """Somebody answered, if only with an error."""


class AskedTooOftenError(ServerUnavailableError):
    """The server limits how often it is asked, and we are over that."""


class CredentialsRefusedError(ServerError):
    """The token is unknown, revoked, or not for this agent id."""


class NewerBootError(ServerError):
    """A later start under our agent id has been seen."""

    def __init__(self, reason: str, *, boot_seq: int | None) -> None:
        super().__init__(reason)
        self.boot_seq = boot_seq


class UnknownAgentError(ServerError):
    """The server has no memory of our hello."""


class LeaseLostError(ServerError):
    """We may no longer act under this lease."""

    def __init__(self, reason: LostReason) -> None:
        super().__init__(f"the lease is lost: {reason}")
        self.reason = reason


class ArtifactsRefusedError(ServerError):
    """These artifacts are missing or differ at the server."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"the server lacks {', '.join(names) or 'some artifacts'}")
        self.names = names


class OffsetMismatchError(ServerError):
    """Ask the server where it is and go on from there."""


class UploadGoneError(ServerError):
    """The upload has no address any more."""


class RequestRefusedError(ServerError):
    """The request is wrong and stays wrong."""


class TooLargeError(RequestRefusedError):
    """The server, or something on the way, refuses bodies of this size."""


class InputError(AgentError):
    """The input could not be brought to the spool."""


class InputUnavailableError(InputError):
    """No source gave the bytes."""


class InputCorruptError(InputError):
    """The bytes are not those that were promised."""


class JobError(AgentError):
    """A verdict about one job."""


class JobFailedError(JobError):
    """The job cannot be done."""

    def __init__(self, code: FailureCode, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail


class JobReturnedError(JobError):
    """This box cannot do the job now; another one, or a later hour, can."""

    def __init__(
        self, reason: str, *, retry_after: Seconds | None = None, is_box_fault: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.is_box_fault = is_box_fault
        """The next job would meet it too."""
