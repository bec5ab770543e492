"""`serve`: the embedded server, until it is told to stop."""

import asyncio
from argparse import ArgumentParser

from agent.cli.exit_codes import ExitCode
from agent.cli.verbs import Call
from agent.edges.logs import set_up
from agent.model.errors import ConfigError


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = "Run the embedded job server until SIGTERM or Ctrl-C."


def run(call: Call) -> int:
    try:
        from agent.cli.serving import serve
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the package {error.name} is missing: pip install 'morag-agent[server]'"
        ) from error
    settings = call.loaded.settings
    set_up(level=settings.log_level, form=settings.log_format, file=settings.log_file)
    asyncio.run(serve(settings))
    return ExitCode.OK
