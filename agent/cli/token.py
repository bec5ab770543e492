"""`token`: makes, lists and revokes the tokens of the embedded server, also while it runs."""

import json
import os
import re
import sqlite3
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from agent.cli.exit_codes import ExitCode, UsageError
from agent.cli.verbs import Call
from agent.config.values import NAME_PATTERN
from agent.edges.display import printable
from agent.model.errors import SpoolError
from agent.server.store.schema import SchemaError
from agent.server.tokens import TokenKind, TokenRecord, create_token, list_tokens, revoke_token


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("deed", choices=("create", "list", "revoke"))
    parser.add_argument("token_id", nargs="?", metavar="TOKEN_ID", help="of the one to revoke")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--agent", metavar="ID", help="create: for the agent with this id")
    who.add_argument("--client", action="store_true", help="create: for people (submit, jobs)")
    parser.add_argument("--label", default="", metavar="TEXT", help="create: shown in the list")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="create: put it here, readable by you alone"
    )
    parser.add_argument("--json", action="store_true", help="list: for programs")


def run(call: Call) -> int:
    given = call.arguments
    folder = call.loaded.settings.serve_data
    with _translated(folder):
        match given.deed:
            case "create":
                _create(folder, _owner(given), label=given.label, out=given.out)
            case "list":
                _list(folder, as_json=given.json)
            case _:
                _revoke(folder, given.token_id)
    return ExitCode.OK


def _owner(given: Namespace) -> str | None:
    """The agent's id; None for a client."""
    agent: str | None = given.agent
    if agent is None and not given.client:
        raise UsageError("whose token? give --agent ID, or --client for submit and jobs")
    if agent is not None and not re.fullmatch(NAME_PATTERN, agent):
        raise UsageError(f"--agent {agent}: letters, digits, '.', '_' and '-' only")
    return agent


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, SchemaError) as error:
        raise SpoolError(f"the data folder {folder} cannot be used: {error}") from error
    except OSError as error:
        raise SpoolError(f"{error.filename or folder}: {error.strerror}") from error


def _create(folder: Path, agent: str | None, *, label: str, out: Path | None) -> None:
    kind = TokenKind.CLIENT if agent is None else TokenKind.AGENT
    if out is None:
        print(create_token(folder, kind, agent_id=agent, note=label))
        return
    # The file comes first: a token that could be written nowhere would be lost.
    with _private_file(out) as descriptor:
        secret = create_token(folder, kind, agent_id=agent, note=label)
        os.write(descriptor, f"{secret}\n".encode())
        os.fsync(descriptor)
    print(f"the token is in {out}")


@contextmanager
def _private_file(path: Path) -> Iterator[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(f"--out {path}: it exists; remove it or name another file") from error
    try:
        yield descriptor
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def _list(folder: Path, *, as_json: bool) -> None:
    tokens = list_tokens(folder)
    if as_json:
        print(json.dumps([asdict(token) for token in tokens], indent=2))
        return
    for token in tokens:
        print(printable(_line(token)))
    if not tokens:
        print("no tokens yet: python -m agent token create --client --out FILE")


def _line(token: TokenRecord) -> str:
    whose = f"agent {token.agent_id}" if token.agent_id else "client"
    revoked = f"revoked {_date(token.revoked_at)}" if token.revoked_at else "valid"
    return f"{token.token_id}  {whose:<24}  {_date(token.created_at)}  {revoked}  {token.note}"


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M")


def _revoke(folder: Path, token_id: str | None) -> None:
    if token_id is None:
        raise UsageError("which token? see python -m agent token list")
    if not revoke_token(folder, token_id):
        raise UsageError(f"{token_id}: no valid token has this id; see python -m agent token list")
    print(f"{token_id} is revoked")
