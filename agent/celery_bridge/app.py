"""The Celery app of the bridge: four tasks, two queues, and nothing acknowledged too early."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from celery import Celery

from agent.celery_bridge.keeping import Keeping
from agent.celery_bridge.order import CONTENT_TYPES
from agent.model.ids import JsonObject, Seconds

QUEUES = ("gpu_priority", "gpu_fallback")
SWEEP_S = 1.0
MUTEX_S = 10
"""A bridge killed in the middle of a sweep keeps others from sweeping for so long."""
KEPT_APART: Mapping[str, str] = {
    "unacked_key": "morag-agent.unacked",
    "unacked_index_key": "morag-agent.unacked_index",
    "unacked_mutex_key": "morag-agent.unacked_mutex",
}
"""Celery keeps what is not acknowledged of all queues in one place, and whoever has the shortest
visibility timeout gives all of it out again: other people's long tasks too, but for this."""


def build(
    broker_url: str, result_url: str, visibility: Seconds, outcomes: dict[str, JsonObject]
) -> Celery:
    app = Celery("morag-agent", broker=broker_url, backend=result_url)
    # To all else Celery prefers its own variables, CELERY_BROKER_URL and CELERY_RESULT_BACKEND.
    app.backend_cls = result_url
    app.conf.update(
        broker_read_url=broker_url,
        broker_write_url=broker_url,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_track_started=False,
        task_publish_retry_policy={"max_retries": None, "interval_max": 5},
        worker_prefetch_multiplier=1,
        worker_enable_prefetch_count_reduction=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        result_backend_always_retry=True,
    )
    if _is_redis(broker_url):
        app.conf.broker_transport_options = {
            **KEPT_APART,
            "visibility_timeout": visibility,
            "unacked_mutex_expire": MUTEX_S,
            "unacked_restore_interval": min(SWEEP_S, visibility),
            "unacked_restore_throttle": 1,
        }
    app.steps["consumer"].add(Keeping)
    for name in CONTENT_TYPES:
        _add_task(app, name, outcomes)
    return app


def _is_redis(url: str) -> bool:
    return urlsplit(url).scheme in {"redis", "rediss", "unix", "redis+socket"}


def _add_task(app: Celery, name: str, outcomes: dict[str, JsonObject]) -> None:
    """Its body is called when all is done, for Celery to store what it gives back."""

    def answer(task: Celery.Task, *_args: object, **_fields: object) -> JsonObject:
        return outcomes.pop(task.request.id)

    app.task(
        answer,
        name=name,
        bind=True,
        typing=False,
        Request="agent.celery_bridge.request:BridgeRequest",
    )
