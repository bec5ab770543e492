"""The diarizer that works out of the box, with models that packages ship."""

import gc
from collections.abc import Sequence

import numpy as np

from agent.pipelines.diarization.clustering import find_speakers
from agent.pipelines.diarization.diarizer import OnPosition
from agent.pipelines.diarization.hearing import Networks, hear
from agent.pipelines.diarization.stitching import stitched
from agent.pipelines.diarization.turns import SpeakerBounds, Turn
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span


class BuiltInDiarizer:
    """segmentation-3.0 and CAM++, at a twenty-fifth of real time on one core."""

    name = "segmentation-3.0 + CAM++"

    def __init__(self, device: str, notice: str = "") -> None:
        self.notice = notice
        self._device = device
        self._networks: Networks | None = None

    @property
    def held(self) -> tuple[str, ...]:
        return (self.name,) if self._networks else ()

    def unload(self) -> None:
        self._networks = None
        gc.collect()

    def leave_gpu(self) -> bool:
        return self._networks is None or self._networks.leave_gpu()

    def return_to_gpu(self) -> None:
        if self._networks is not None:
            self._networks.return_to_gpu()

    def turns(
        self,
        recording: Recording,
        speech: Sequence[Span],
        bounds: SpeakerBounds,
        on_position: OnPosition,
    ) -> tuple[Turn, ...]:
        self._networks = self._networks or Networks(self._device)
        heard = hear(self._networks, recording, speech, on_position)
        if not heard.parts:
            return ()
        voices = np.stack([part.voice for part in heard.parts])
        speakers = find_speakers(voices, np.array([part.clean for part in heard.parts]), bounds)
        return stitched(heard, speakers, recording.duration)
