"""Redis keeps no account of who is alive: the bridge says of what it holds that it still does."""

from time import time

from celery import bootsteps
from celery.worker.consumer import Consumer
from celery.worker.consumer.tasks import Tasks
from kombu.asynchronous.timer import Entry
from kombu.transport.virtual import QoS

REDIS = "redis"
PER_TIMEOUT = 4
"""Signs of life within the time after which a message is given to another."""


class Keeping(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
    """Without this, a job longer than the visibility timeout would have its task come again."""

    requires = (Tasks,)

    def __init__(self, consumer: Consumer, **options: object) -> None:
        super().__init__(consumer, **options)
        self._timer: Entry | None = None

    def start(self, consumer: Consumer) -> None:
        if consumer.connection.transport.driver_type != REDIS:
            return
        qos = consumer.task_consumer.channel.qos
        every = qos.visibility_timeout / PER_TIMEOUT
        self._timer = consumer.timer.call_repeatedly(every, keep, (qos,))

    def stop(self, consumer: Consumer) -> None:
        del consumer
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def keep(qos: QoS) -> None:
    """Only what Redis still lists: an acknowledgement in between is not undone."""
    tags = list(qos._delivered)
    if tags:
        with qos.channel.conn_or_acquire() as client:
            client.zadd(qos.unacked_index_key, dict.fromkeys(tags, time()), xx=True)
