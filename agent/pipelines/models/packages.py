"""Models that arrive as Python packages: their files, without importing anything of them."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path

_CODE = frozenset({".py", ".pyc", ".pyi"})


def shipped_files(name: str, pattern: str) -> Iterator[PackagePath]:
    """None of a package that is not installed, or not by pip."""
    try:
        files = distribution(name).files
    except PackageNotFoundError:
        return
    for file in files or ():
        if fnmatchcase(str(file), pattern) and file.suffix not in _CODE:
            yield file


def shipped_paths(name: str, pattern: str) -> tuple[Path, ...]:
    """Those of the files that are really there."""
    paths = (Path(str(file.locate())) for file in shipped_files(name, pattern))
    return tuple(path for path in paths if path.is_file())
