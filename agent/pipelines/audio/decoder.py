"""The main of the decoder, a process of its own: `python -m agent.pipelines.audio.decoder FILE`.

It alone lets FFmpeg see the sender's file, so it alone is what a malicious file can take over. It
writes the stream of `pcm_stream` to its standard output; the reader decides how much it wants.
"""

import os
import resource
import sys
from pathlib import Path

from agent.pipelines.parentage import die_with_parent, silence_stdout

_BUFFER = 256 * 1024
_CPU_LIMIT, _CPU_GRACE = 3600, 60
"""The first ends it by SIGXCPU: SIGKILL would be taken for somebody else's."""
_MEMORY_LIMIT = 4 * 1024**3


def main() -> None:
    die_with_parent()
    _limit_resources()
    from agent.pipelines.audio.demuxing import (
        decode,  # FFmpeg is loaded only behind the lines above
    )

    with os.fdopen(silence_stdout(), "wb", _BUFFER) as output:
        decode(Path(sys.argv[1]), output)


def _limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_LIMIT, _CPU_LIMIT + _CPU_GRACE))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))


if __name__ == "__main__":
    main()
