"""What tells the speakers of a recording apart."""

from collections.abc import Callable, Sequence
from typing import Protocol

from agent.pipelines.diarization.turns import SpeakerBounds, Turn
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span

OnPosition = Callable[[float], None]


class Diarizer(Protocol):
    @property
    def name(self) -> str:
        """For people: which models do the work."""

    @property
    def notice(self) -> str:
        """Why it is not the one that the settings ask for; empty where it is."""

    @property
    def held(self) -> tuple[str, ...]:
        """What is loaded."""

    def unload(self) -> None:
        """Give its memory back; the next recording loads it again."""

    def turns(
        self,
        recording: Recording,
        speech: Sequence[Span],
        bounds: SpeakerBounds,
        on_position: OnPosition,
    ) -> tuple[Turn, ...]:
        """By time, `SPEAKER_00` first; none where nobody is heard within `speech`.

        Tells `on_position` how many seconds are behind it.
        """
