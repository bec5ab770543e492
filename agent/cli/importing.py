"""`config --import`: a file of settings out of what MoRAG's own converter was set up with."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from agent.cli.exit_codes import UsageError
from agent.cli.verbs import Call
from agent.config.importing import Imported, read, written
from agent.edges.display import printable
from agent.edges.durable import disk_errors, make_root, write_whole

_READABLE_BY_ALL = 0o644
_TOKEN = "token"  # noqa: S105 (a file's name)


def import_settings(call: Call) -> None:
    """On stdout, or in the file that --out names; the key goes into a file of its own."""
    given = call.arguments
    out: Path | None = given.out and given.out.expanduser().absolute()
    imported = read(given.import_file.expanduser())
    token_file = _token_file(call, imported, out)
    text = written(imported, token_file)
    files = dict(_files(imported, token_file, out, text))
    if not given.force:
        _refuse_overwriting(files)
    for path, content in files.items():
        with disk_errors(str(path)):
            make_root(path.parent)
            write_whole(path, content)
    if out is None:
        print(text, end="")
    else:
        out.chmod(_READABLE_BY_ALL)
    _tell(imported, token_file, out)


def _token_file(call: Call, imported: Imported, out: Path | None) -> Path | None:
    """Where the key is put: where it is told to, else beside the settings."""
    if imported.key is None:
        return imported.settings.token_file
    named = call.loaded.settings.token_file
    if named is not None and call.loaded.origins["token_file"].startswith("--"):
        return named.absolute()
    return (_usual_folder() if out is None else out.parent) / _TOKEN


def _usual_folder() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "morag-agent"


def _files(
    imported: Imported, token_file: Path | None, out: Path | None, text: str
) -> Iterator[tuple[Path, bytes]]:
    if imported.key is not None and token_file is not None:
        yield token_file, f"{imported.key}\n".encode()
    if out is not None:
        yield out, text.encode()


def _refuse_overwriting(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        with disk_errors(str(path)):
            if path.exists() and path.read_bytes() != content:
                raise UsageError(f"{path} is there already, and another; --force writes over it")


def _tell(imported: Imported, token_file: Path | None, out: Path | None) -> None:
    said = (
        [] if out is None else [f"{out}: written", *(f"note: {one}" for one in imported.left_out)]
    )
    if imported.key is not None:
        said.append(f"the key is in {token_file}, readable by you alone")
    if out is not None:
        said.append(f"next: python -m agent doctor --config {out}")
    for sentence in said:
        print(printable(sentence), file=sys.stderr if out is None else sys.stdout)
