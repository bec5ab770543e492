"""One held job as its journal tells it: what a later start of the agent goes on from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.model.artifact import Artifact
from agent.model.ids import JsonObject
from agent.model.lease import Offer, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A result whose every byte is on disk: all that `complete` tells."""

    manifest: tuple[Artifact, ...]
    summary: JsonObject
    spent: Mapping[str, float] = field(default_factory=dict[str, float])
    """Seconds in each phase until it was sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """What is on disk about one job. Never ahead of the files that it speaks of."""

    offer: Offer
    """The job, the latest lease on it that we know of, and the addresses that came with it."""
    is_input_whole: bool = False
    """Every byte of the input is here and has been checked."""
    computations: int = 0
    """How many were begun: more than two when the agent ended in the middle of some."""
    finished: Finished | None = None

    @property
    def stage(self) -> Stage:
        if self.finished is not None:
            return Stage.UPLOADING
        if self.computations:
            return Stage.PROCESSING
        return Stage.QUEUED if self.is_input_whole else Stage.DOWNLOADING
