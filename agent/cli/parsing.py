"""Builds the parser of one verb: its own arguments, and a flag for each setting it takes."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from agent import __version__
from agent.cli.exit_codes import ExitCode, epilog
from agent.cli.verbs import VERBS, Verb
from agent.config.table import Row, rows
from agent.edges.display import printable

PROG = "python -m agent"


class Parser(argparse.ArgumentParser):
    """Ends with the documented code instead of argparse's 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"{self.prog}: {printable(message)}; see {self.prog} --help\n")


def top_parser() -> Parser:
    verbs = "\n".join(f"  {verb.name:13}  {verb.summary}" for verb in VERBS.values())
    parser = Parser(
        prog=PROG,
        description="The GPU worker agent for MoRAG.",
        epilog=f"verbs:\n{verbs}\n\n{PROG} VERB --help tells the rest.\n\n{epilog()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=f"{PROG} VERB …",
    )
    parser.add_argument("--version", action="version", version=f"morag-agent {__version__}")
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help=argparse.SUPPRESS)
    return parser


def verb_parser(verb: Verb) -> Parser:
    parser = Parser(
        prog=f"{PROG} {verb.name}",
        description=verb.summary[0].upper() + verb.summary[1:] + ".",
        epilog=epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if verb.reads_settings:
        parser.add_argument(
            "--config", type=Path, metavar="FILE", help="the file with the settings"
        )
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    if verb.name != "run":
        verb.module().add_arguments(parser)
    for row in _taken(verb):
        _add_setting(parser, row, is_client=verb.is_client)
    return parser


def flags_of(arguments: argparse.Namespace) -> dict[str, object]:
    """The settings that were given as flags, by name."""
    given = vars(arguments)
    return {name: given[name] for name in rows() if name in given}


def _taken(verb: Verb) -> Iterable[Row]:
    for row in rows().values():
        places = {row.section, row.name, row.key.at}
        is_wanted = row.name not in verb.without and not places.isdisjoint(verb.settings)
        if row.flag and is_wanted:
            yield row


def _add_setting(parser: Parser, row: Row, *, is_client: bool) -> None:
    text = f"{row.key.why} [{row.env}]".replace("%", "%%")
    if row.name == "client_token_file" and is_client:
        _add_text(parser, "--token-file", row.name, f"Holds the client's token. [{row.env}]")
    elif row.is_switch and row.flag:
        parser.add_argument(
            row.flag,
            action=argparse.BooleanOptionalAction,
            dest=row.name,
            default=argparse.SUPPRESS,
            help=text,
        )
    elif row.flag:
        _add_text(parser, row.flag, row.name, text)


def _add_text(parser: Parser, flag: str, name: str, text: str) -> None:
    parser.add_argument(
        flag, dest=name, default=argparse.SUPPRESS, metavar=_metavar(name), help=text
    )


def _metavar(name: str) -> str:
    last = name.rpartition("_")[2]
    return {"s": "SECONDS", "min": "MINUTES", "h": "HOURS", "gb": "GB"}.get(last, last.upper())
