"""A task as Celery's worker holds it, with the end of it left to us: a job has to end first."""

from celery.worker.request import Request
from celery.worker.state import revoked as revoked_ids


class BridgeRequest(Request):  # type: ignore[misc]  # Celery ships no types
    """Called off in two steps: the server is told, then the caller."""

    def revoked(self) -> bool:
        """Ask Celery's own question only where no job can have been made yet."""
        if self.delivery_info.get("redelivered"):
            return False
        return bool(super().revoked())

    def terminate(self, *_how: object, **_more: object) -> None:
        """Nothing: the wait for the job sees by itself that the task is revoked."""

    def cancel(self, *_how: object, **_more: object) -> None:
        """Nothing: a connection that is lost, or a bridge that ends, ends no job."""

    def is_revoked(self) -> bool:
        return self.id in revoked_ids

    def is_expired(self) -> bool:
        """Celery's own look at the clock; it remembers the answer as a revocation."""
        return bool(self.maybe_expire())

    def announce(self) -> None:
        """Tell the caller, and the broker. Blocks."""
        super().revoked()
