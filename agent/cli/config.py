"""`config`: what holds, where it came from, and what is odd about it; or a file of it."""

import json
from argparse import ArgumentParser
from pathlib import Path

from agent.cli.exit_codes import ExitCode, UsageError
from agent.cli.importing import import_settings
from agent.cli.verbs import Call
from agent.config.example import effective, example, toml


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--example", action="store_true", help="print an example file instead")
    parser.add_argument(
        "--import",
        dest="import_file",
        type=Path,
        metavar="FILE",
        help="turn the YAML or .env file of MoRAG's remote converter into one of ours",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="import: put it here")
    parser.add_argument("--force", action="store_true", help="import: also over other files")


def run(call: Call) -> int:
    if call.arguments.import_file is not None:
        import_settings(call)
    elif call.arguments.out or call.arguments.force:
        raise UsageError("--out and --force are for what --import FILE reads")
    elif call.arguments.example:
        print(example(), end="")
    elif call.arguments.json:
        print(_as_json(call))
    else:
        print(_as_text(call))
    return ExitCode.OK


def _as_json(call: Call) -> str:
    origins = call.loaded.origins
    settings = {
        row.key.at: {
            "value": value,
            "from": origins[row.name],
            "live": row.key.live,
        }
        for row, value in effective(call.loaded.settings)
    }
    file = None if call.loaded.file is None else str(call.loaded.file)
    document = {"file": file, "settings": settings, "warnings": call.loaded.warnings}
    return json.dumps(document, ensure_ascii=False, indent=2)


def _as_text(call: Call) -> str:
    """TOML with the origin behind each line: what is shown can be pasted into a file."""
    lines = [
        f"# file: {call.loaded.file or 'none found'}",
        "# (live): a change in the file takes effect while the agent runs",
    ]
    section = ""
    for row, value in effective(call.loaded.settings):
        if row.section != section:
            section = row.section
            lines += ["", f"[{section}]"]
        live = " (live)" if row.key.live else ""
        is_comment = value is None or row.key.is_secret
        shown = f"# {row.option}" if value is None else f"{row.option} = {toml(value)}"
        if is_comment and value is not None:
            shown = "# " + shown
        lines.append(f"{shown:<48}  # {call.loaded.origins[row.name]}{live}")
    return "\n".join(lines)
