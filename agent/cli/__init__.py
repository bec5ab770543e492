"""The command line: finds the verb, loads the settings, and turns what goes wrong into a code."""

import gc
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.cli.exit_codes import ExitCode, code_of, root_of
from agent.cli.parsing import flags_of, top_parser, verb_parser
from agent.cli.reporting import sentences
from agent.cli.verbs import VERBS, Call, Verb
from agent.config import Loaded, load
from agent.edges.display import printable


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(words)
    except SystemExit as stop:  # argparse, after --help or a wrong flag
        return stop.code if isinstance(stop.code, int) else ExitCode.USAGE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does; that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as error:
        # The last place where a bug can become one sentence and an exit code.
        return _report(root_of(error))


def _dispatch(words: list[str]) -> int:
    name = top_parser().parse_args(words[:1]).verb
    verb = VERBS[name]
    arguments = verb_parser(verb).parse_args(words[1:])
    loaded = _loaded(verb, arguments)
    with _tracebacks(wanted=arguments.debug or loaded.settings.log_level == "debug"):
        return _run(verb, arguments, loaded)


def _loaded(verb: Verb, arguments: Namespace) -> Loaded:
    if not verb.reads_settings:
        return load(environ={}, file=Path(os.devnull))
    return load(environ=os.environ, flags=flags_of(arguments), file=arguments.config)


@contextmanager
def _tracebacks(*, wanted: bool) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if wanted:
            traceback.print_exception(error)
        raise


def _run(verb: Verb, arguments: Namespace, loaded: Loaded) -> int:
    for warning in loaded.warnings:
        print(f"warning: {printable(warning)}", file=sys.stderr)
    if verb.name == "run":
        from agent.cli.run import run

        _collect_garbage()
        return run(loaded, lambda: _loaded(verb, arguments))
    module = verb.module()
    _collect_garbage()
    return module.run(Call(arguments, loaded))


def _collect_garbage() -> None:
    """From here on, and none among what was imported: that stays."""
    gc.freeze()
    gc.enable()


def _report(error: BaseException) -> int:
    for sentence in sentences(error):
        print(f"error: {sentence}", file=sys.stderr)
    return code_of(error)
