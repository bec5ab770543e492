from pathlib import Path

import pytest

from agent.celery_bridge.app import build
from agent.celery_bridge.bridge import Terms, run
from agent.edges.http import Connection
from agent.model.errors import ConfigError, ServerUnavailableError
from agent.model.ids import Seconds
from tests.celery_bridge.ports import free_port
from tests.celery_bridge.yard import redis_in


def terms(broker: str, result: str) -> Terms:
    return Terms(
        broker_url=broker,
        result_url=result,
        input_folders=(Path("/in"),),
        but_not=Path("/data"),
        tasks=1,
        visibility=Seconds(60),
    )


def never() -> Connection:
    raise AssertionError("nothing was to be asked")


def nothing(_name: str) -> None:
    raise AssertionError("nothing was to be asked")


def test_a_backend_that_does_not_answer_or_forgets_is_told_before_a_task_is_taken(
    tmp_path: Path,
) -> None:
    nowhere = f"redis://:hush@127.0.0.1:{free_port()}/0"
    with redis_in(tmp_path) as redis:
        with pytest.raises(ServerUnavailableError, match=r"backend .* does not answer") as no:
            run(terms(redis.url, nowhere), never, nothing)
        with pytest.raises(ConfigError, match=r"rpc://.* keeps no results"):
            run(terms(redis.url, "rpc://"), never, nothing)
        with pytest.raises(ConfigError, match="cannot speak to smoke://"):
            run(terms("smoke://signals", redis.url), never, nothing)

    assert "hush" not in str(no.value)


def test_only_with_redis_the_bridge_keeps_its_unacknowledged_messages_apart() -> None:
    with_redis = build("redis://h", "redis://h", Seconds(60), {}).conf
    with_rabbit = build("amqp://h", "redis://h", Seconds(60), {}).conf

    assert with_redis.broker_transport_options["unacked_key"] == "morag-agent.unacked"
    assert not with_rabbit.broker_transport_options


def test_celerys_own_variables_lead_no_bridge_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROKER_URL", "RESULT_BACKEND"):
        monkeypatch.setenv(f"CELERY_{name}", "redis://elsewhere:1/0")

    app = build("redis://ours:1/0", "redis://ours:1/1", Seconds(60), {})

    assert app.connection_for_read().hostname == "ours"
    assert app.connection_for_write().hostname == "ours"
    assert app.backend.as_uri() == "redis://ours:1/1"
