"""The main of a box: `python -m agent.pipelines.box.boxed`, its request on standard input.

It alone lets a library see the sender's file, so it alone is what a malicious file can take over.
"""

import json
import os
import resource
import sys
from typing import BinaryIO

from agent.model.ids import JsonObject
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.readers import reader_named
from agent.pipelines.box.request import Request
from agent.pipelines.errors import MediaUnreadableError, PipelineError, TooLargeError
from agent.pipelines.parentage import die_with_parent, silence_stdout

_CPU_GRACE = 60
"""The limit itself ends it by SIGXCPU: SIGKILL would be taken for somebody else's."""


def main() -> None:
    die_with_parent()
    request = Request.of(sys.stdin.buffer.readline())
    with os.fdopen(silence_stdout(), "wb") as output:
        _limit_resources(request.limits)
        _say(output, _answer(request, output))


def _limit_resources(limits: Limits) -> None:
    cpu = int(limits.cpu)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.written, limits.written))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + _CPU_GRACE))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))


def _answer(request: Request, output: BinaryIO) -> JsonObject:
    from pathlib import Path

    def tell(position: float) -> None:
        _say(output, {"at": float(position)})

    try:
        read = reader_named(request.reader)
        return {"result": read(Path(request.file), Path(request.scratch), request.arguments, tell)}
    except PipelineError as error:
        return _refusal(error)
    except MemoryError:
        mib = request.limits.memory // 1024**2
        return _refusal(TooLargeError(f"reading this file takes more than {mib} MiB of memory."))
    except OSError as error:
        return {"errno": error.errno, "text": error.strerror}
    except Exception as error:  # the top of a box: what a strange file can set off has no end
        kind = type(error).__name__
        return _refusal(MediaUnreadableError(f"the file cannot be read ({kind}: {error})."))


def _refusal(error: PipelineError) -> JsonObject:
    return {"refused": str(error)[:1000], "kind": type(error).__name__}


def _say(output: BinaryIO, words: JsonObject) -> None:
    output.write(json.dumps(words).encode() + b"\n")
    output.flush()


if __name__ == "__main__":
    main()
