"""The main of the process that makes one film of bare frames, with moviepy: its order is on stdin.

A process of its own, because moviepy leaves threads and ffmpeg processes behind where it fails, and
because it reads any `.env` above it into the environment when it is imported.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from agent.pipelines.parentage import die_with_parent
from agent.pipelines.video.clip_format import SOUND_RATE, Cutting

_CRF = "26"


def main() -> None:
    die_with_parent()
    # moviepy asks for it, and does without where it is missing.
    sys.modules["dotenv"] = None  # type: ignore[assignment]
    cut(Cutting(**json.loads(sys.stdin.readline())))


def cut(order: Cutting) -> None:
    from moviepy import AudioArrayClip, VideoClip

    frames = np.memmap(order.frames, np.uint8, "r", shape=(order.count, order.frame_size))

    def frame_at(seconds: float) -> npt.NDArray[np.uint8]:
        number = min(order.count - 1, round(seconds * order.rate))
        planes = frames[number].reshape(order.height * 3 // 2, order.width)
        pixels: npt.NDArray[np.uint8] = cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420)
        return pixels

    clip = VideoClip(frame_at, duration=order.count / order.rate)
    if order.sound is not None:
        samples = np.fromfile(order.sound, "<i2").reshape(-1, 2) / np.float32(32768)
        clip = clip.with_audio(AudioArrayClip(samples, fps=SOUND_RATE))
    clip.write_videofile(
        order.target,
        fps=order.rate,
        codec="libx264",
        audio_codec="aac",
        preset="veryfast",
        threads=1,
        logger=None,
        temp_audiofile=str(Path(order.target).with_suffix(".m4a")),
        ffmpeg_params=["-crf", _CRF, "-pix_fmt", "yuv420p", "-movflags", "+faststart"],
    )


if __name__ == "__main__":
    main()
