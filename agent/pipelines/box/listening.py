"""Hears out a box: its lines, for as long as it keeps within its limits, and its chatter."""

import os
import selectors
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.model.ids import Bytes
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.request import MAX_LINE
from agent.pipelines.box.tree import Usage, usage_of
from agent.pipelines.errors import MediaUnreadableError, TooLargeError

MAX_OUTPUT = Bytes(2 * MAX_LINE)
"""All lines together: a million signs of life fit in beside the longest answer."""
_CHUNK = 1024 * 1024
_LOOK_EVERY = 1.0
"""Seconds between two looks at the scratch folder, at the most."""
_CHATTER_KEPT = 8 * 1024


@dataclass(kw_only=True, slots=True)
class Ear:
    """On one box. `output` and `chatter` are the descriptors of its two streams."""

    output: int
    chatter: int
    scratch: Path
    before: Usage
    """Of the scratch folder: what lay there is not the file's fault."""
    limits: Limits
    now: Callable[[], float]
    last_words: bytearray = field(default_factory=bytearray)
    """The end of its chatter, which is read so that it cannot block the box."""

    def lines(self) -> Iterator[bytearray]:
        """Until it closes its output. Raises `PipelineError` when it goes over a limit."""
        received = _Lines()
        begun = heard = looked = self.now()
        with selectors.DefaultSelector() as selector:
            selector.register(self.output, selectors.EVENT_READ)
            selector.register(self.chatter, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(self._patience(begun, heard)):
                    chunk = os.read(key.fd, _CHUNK)
                    if key.fd == self.chatter:
                        self._overhear(chunk, selector)
                    elif not chunk:
                        return
                    else:
                        for line in received.add(chunk):
                            told = self.now()
                            yield line
                            # Whoever listens may have had to wait: no time of the box.
                            heard = self.now()
                            begun += heard - told
                if self.now() - looked >= _LOOK_EVERY:
                    check_growth(self.scratch, self.before, self.limits)
                    looked = self.now()

    def _patience(self, begun: float, heard: float) -> float:
        """Seconds until there is something to be done, if nothing is heard."""
        now = self.now()
        if now >= begun + self.limits.wall:
            raise TooLargeError(f"reading this file takes longer than {self.limits.wall:g} s.")
        if now >= heard + self.limits.stall:
            raise MediaUnreadableError(f"reading the file stood still for {self.limits.stall:g} s.")
        return min(begun + self.limits.wall - now, heard + self.limits.stall - now, _LOOK_EVERY)

    def _overhear(self, chunk: bytes, selector: selectors.BaseSelector) -> None:
        if not chunk:
            selector.unregister(self.chatter)
        self._keep(chunk)

    def hear_the_rest(self) -> None:
        """Of its chatter, once it has ended; what it has started may still hold the pipe open."""
        os.set_blocking(self.chatter, False)
        with suppress(BlockingIOError):
            self._keep(os.read(self.chatter, _CHUNK))

    def _keep(self, chunk: bytes) -> None:
        self.last_words += chunk
        del self.last_words[:-_CHATTER_KEPT]


def check_growth(scratch: Path, before: Usage, limits: Limits) -> None:
    """Raises `TooLargeError` or `MediaUnreadableError`."""
    usage = usage_of(scratch)
    if usage.size - before.size > limits.written:
        mib = limits.written / 1024**2
        raise TooLargeError(f"reading this file fills the disk with more than {mib:g} MiB.")
    if usage.files - before.files > limits.files:
        raise TooLargeError(f"reading this file makes more than {limits.files} files.")
    if not usage.is_whole:
        raise MediaUnreadableError("reading this file makes folders that nobody can look into.")


class _Lines:
    """Puts lines together from chunks, in time that grows with their length only."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._total = 0

    def add(self, chunk: bytes) -> Iterator[bytearray]:
        self._total += len(chunk)
        if self._total > MAX_OUTPUT:
            raise TooLargeError(f"what is in the file is over {MAX_LINE // 1024**2} MiB.")
        *whole, rest = chunk.split(b"\n")
        for end in whole:
            self._rest += end
            line, self._rest = self._rest, bytearray()
            yield self._checked(line)
        self._rest += rest
        self._checked(self._rest)

    def _checked(self, line: bytearray) -> bytearray:
        if len(line) > MAX_LINE:
            raise TooLargeError(f"what is in the file is over {MAX_LINE // 1024**2} MiB.")
        return line
