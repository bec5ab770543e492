"""`celery-bridge`: tasks of MoRAG's Celery become jobs of the server, until it is told to stop."""

from argparse import ArgumentParser
from pathlib import Path

from agent import __version__
from agent.cli.clients import with_client
from agent.cli.exit_codes import ExitCode, UsageError
from agent.cli.inputs import content_type_of
from agent.cli.verbs import Call
from agent.config import celery_passwords, celery_urls, client_token
from agent.edges.http import Connection
from agent.edges.logs import set_up
from agent.model.errors import ConfigError, ServerUnavailableError
from agent.model.ids import Seconds


def add_arguments(parser: ArgumentParser) -> None:
    parser.description = (
        "Take Celery tasks (remote.process_audio, _video, _image and _file) from the queues"
        " gpu_priority and gpu_fallback, have the server's agents do them, and store what comes of"
        " them in the result backend. The broker's URL is read from a file or the environment."
    )


def run(call: Call) -> int:
    settings = call.loaded.settings
    try:
        from agent.celery_bridge.bridge import Terms, run
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the package {error.name} is missing: pip install 'morag-agent[celery]'"
        ) from error
    if not settings.celery_input_folders:
        raise ConfigError(
            "celery.input_folders is empty: name the folders that tasks may name files in"
        )
    broker, result = celery_urls(settings)
    token = client_token(settings).get_secret_value()
    set_up(
        level=settings.log_level,
        form=settings.log_format,
        file=settings.log_file,
        secrets=(*celery_passwords(settings), token),
    )
    with_client(settings, lambda client: client.jobs(limit=1))
    terms = Terms(
        broker_url=broker,
        result_url=result,
        input_folders=settings.celery_input_folders,
        but_not=settings.serve_data,
        tasks=settings.celery_tasks,
        visibility=Seconds(settings.celery_visibility_s),
    )

    def connect() -> Connection:
        agent = f"morag-agent-celery/{__version__}"
        return Connection(settings.server_url, token, user_agent=agent)

    if run(terms, connect, _kind_of):
        raise ServerUnavailableError("Celery's worker gave up; its log says why")
    return ExitCode.OK


def _kind_of(name: str) -> str | None:
    try:
        return content_type_of(Path(name))
    except UsageError:
        return None
