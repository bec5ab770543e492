"""The caller's file: reached by a path that cannot lead out of the configured folders."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.celery_bridge.order import WrongOrderError
from agent.server.morag.sources import Source, open_source
from agent.server.problems import ProblemError


@contextmanager
def opened(file_path: str, folders: Sequence[Path], but_not: Path) -> Iterator[Source]:
    """Raises `WrongOrderError` for a file that is not to be had, or not to be given."""
    try:
        source = open_source(file_path, folders, but_not)
    except ProblemError as error:
        # The check is that of MoRAG's own URLs, where the same path goes by another name.
        raise WrongOrderError(str(error).replace("source_file_path", "file_path")) from error
    try:
        yield source
    finally:
        source.close()


def path_of(source: Source) -> Path:
    """The open file itself: what its name leads to may have changed since."""
    return Path(f"/proc/self/fd/{source.handle}")
