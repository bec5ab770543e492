"""The main of a box: `python -m agent.pipelines.box.boxed`, its request on standard input.

It alone lets a library see the sender's file, so it alone is what a malicious file can take over.
"""

import json
import os
import sys
from pathlib import Path
from typing import BinaryIO

from agent.model.ids import JsonObject
from agent.pipelines.box.confinement import confine
from agent.pipelines.box.readers import READERS, reader_at
from agent.pipelines.box.request import Request
from agent.pipelines.box.rlimits import limit_resources
from agent.pipelines.errors import (
    EngineUnavailableError,
    MediaUnreadableError,
    PipelineError,
    TooLargeError,
    is_out_of_memory,
)
from agent.pipelines.parentage import die_with_parent, silence_stdout


def main() -> None:
    die_with_parent()
    request = Request.of(sys.stdin.buffer.readline())
    place = READERS[request.reader]
    _close_stdin()
    output = os.fdopen(silence_stdout(), "wb")
    limit_resources(request.limits, gpu=request.gpu)
    walls = confine(
        Path(request.file), Path(request.scratch), frozenset(request.walls), gpu=request.gpu
    )
    _say(output, {"walls": walls.as_json()})
    if walls.are_whole or not request.is_required:
        _send(output, _answer(request, place, output))
    # Libraries may crash when they are taken down, and whoever asked does not wait for that.
    os._exit(0)


def _close_stdin() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _answer(request: Request, place: str, output: BinaryIO) -> bytes:
    def tell(position: float) -> None:
        _say(output, {"at": float(position)})

    try:
        read = reader_at(place)
        result = read(Path(request.file), Path(request.scratch), request.arguments, tell)
        return _encoded({"result": result})
    except PipelineError as error:
        return _refusal(error)
    except ImportError as error:
        return _refusal(EngineUnavailableError(f"a library cannot be loaded here ({error})."))
    except OSError as error:
        return _encoded({"errno": error.errno or 0, "text": str(error.strerror or error)})
    except Exception as error:  # the top of a box: what a strange file can set off has no end
        if _tells_out_of_memory(error):
            return _refusal(_too_much_memory(request))
        kind = type(error).__name__
        return _refusal(MediaUnreadableError(f"the file cannot be read ({kind}: {error})."))


def _tells_out_of_memory(error: Exception) -> bool:
    return is_out_of_memory(error) or "insufficient memory" in str(error).lower()  # cv2.error


def _too_much_memory(request: Request) -> TooLargeError:
    mib = request.limits.memory // 1024**2
    return TooLargeError(f"reading this file takes more than {mib} MiB of memory.")


def _refusal(error: PipelineError) -> bytes:
    return _encoded({"refused": str(error)[:1000], "kind": type(error).__name__})


def _say(output: BinaryIO, words: JsonObject) -> None:
    _send(output, _encoded(words))


def _send(output: BinaryIO, line: bytes) -> None:
    output.write(line)
    output.flush()


def _encoded(words: JsonObject) -> bytes:
    """A number that is none raises `ValueError`; half a character becomes `?`."""
    text = json.dumps(words, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"


if __name__ == "__main__":
    main()
