"""Thumbnails, key frames and scenes of ten minutes of 1080p, beside the usual ways to get each.

The film is drawn once and kept in the temporary folder: drawing and encoding it takes minutes. All
run in processes of their own; the processor's seconds are steadier than the clock's where others
share the machine, so both are told.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.report import Figure
from tests.footage import Encoding, Film, Script, shoot

SCRIPT = Script(seconds=600, size=(320, 180), rate=30, seed=7, longest=14, dissolved=0.05)
FULL_HD = (1920, 1080)
FAST = {"preset": "ultrafast", "crf": "24"}
ENCODINGS = {
    "key frames at cuts": Encoding(options=FAST | {"sc_threshold": "40"}, size=FULL_HD),
    "a key frame every 2 s": Encoding(options=FAST, keyframe_interval=60, size=FULL_HD),
}
TOLERANCE, BESIDE_DISSOLVE = 0.2, 1.2

OURS = """
import json, sys, tempfile
from pathlib import Path
from agent.pipelines.box.running import Box
from agent.pipelines.video.wishes import Wishes
parts = sys.argv[2:]
wishes = Wishes(scenes="scenes" in parts, keyframes=200 * ("keys" in parts),
                thumbnails=20 * ("thumbnails" in parts), sizes=((320, 240),),
                sheet="sheet" in parts, screens=False, quality=85)
with tempfile.TemporaryDirectory() as scratch:
    answer = Box().read("video-pictures", Path(sys.argv[1]), Path(scratch), wishes.arguments())
assert len(answer["thumbnails"]) == wishes.thumbnails
assert bool(answer["keyframes"]) is bool(wishes.keyframes)
print(json.dumps([start for start, _ in answer["scenes"]][1:]))
"""
MOVIEPY = """
import sys
from moviepy import VideoFileClip
from PIL import Image
with VideoFileClip(sys.argv[1], audio=False) as clip:
    for number in range(20):
        image = Image.fromarray(clip.get_frame((number + 0.5) * clip.duration / 20))
        image.thumbnail((320, 240))
        image.save(f"{sys.argv[2]}/{number}.jpg", quality=85)
"""
OPENCV = """
import sys
import cv2
film = cv2.VideoCapture(sys.argv[1])
for number, moment in enumerate(map(float, sys.argv[3:])):
    film.set(cv2.CAP_PROP_POS_MSEC, moment * 1000)
    _, frame = film.read()
    cv2.imwrite(f"{sys.argv[2]}/key-{number}.jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 85])
"""
SCENEDETECT = """
import json, sys
from scenedetect import ContentDetector, detect
print(json.dumps([start.seconds for start, _ in detect(sys.argv[1], ContentDetector())][1:]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    wall: float
    cpu: float
    said: str

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.wall + other.wall, self.cpu + other.cpu, "")


def measure(folder: Path) -> list[Figure]:
    figures = []
    for name, encoding in ENCODINGS.items():
        figures += _compared(name, _film(name, encoding), folder)
    return figures


def _film(name: str, encoding: Encoding) -> Film:
    path = Path(tempfile.gettempdir()) / f"morag-bench-{name.replace(' ', '-')}.mp4"
    notes = path.with_suffix(".json")
    if not notes.exists():
        made = shoot(SCRIPT, path, encoding)
        notes.write_text(json.dumps([made.cuts, made.dissolves]))
    cuts, dissolves = json.loads(notes.read_text())
    return Film(path, tuple(cuts), tuple(dissolves))


def _compared(name: str, film: Film, folder: Path) -> list[Figure]:
    path, here = str(film.path), str(folder)
    _run("-c", "import sys; open(sys.argv[1], 'rb').read()", path)  # into the page cache
    ours = _run("-c", OURS, path, "scenes", "keys", "thumbnails", "sheet")
    scenes = _run("-c", SCENEDETECT, path)
    found, theirs = json.loads(ours.said), json.loads(scenes.said)
    moments = [f"{(a + b) / 2:.3f}" for a, b in zip([0.0, *theirs], [*theirs, 600.0], strict=True)]
    stills = _run("-c", MOVIEPY, path, here)
    keys = _run("-c", OPENCV, path, here, *moments)
    together = stills + keys + scenes
    beside = [
        ("all three in turn", together),
        ("moviepy's 20 thumbnails alone", stills),
        ("OpenCV's key frames alone", keys),
        ("PySceneDetect's scenes alone", scenes),
    ]
    alone = [
        ("thumbnails", "moviepy", _run("-c", OURS, path, "thumbnails"), stills),
        (
            "scenes and key frames",
            "OpenCV, told the scenes",
            _run("-c", OURS, path, "scenes", "keys"),
            keys,
        ),
        ("scenes", "PySceneDetect", _run("-c", OURS, path, "scenes"), scenes),
    ]
    return [
        *(
            Figure(f"{name}: our {part} alone, processor", mine.cpu, their.cpu, "s", who)
            for part, who, mine, their in alone
        ),
        *(Figure(f"{name}: all of ours, clock", ours.wall, o.wall, "s", w) for w, o in beside),
        *(Figure(f"{name}: all of ours, processor", ours.cpu, o.cpu, "s", w) for w, o in beside),
        Figure(
            f"{name}: F1 of {len(film.cuts)} cuts",
            f1(found, film),
            f1(theirs, film),
            "",
            "PySceneDetect",
        ),
    ]


def f1(found: Sequence[float], film: Film) -> float:
    """Of hard cuts; what is said within a dissolve counts neither way."""
    counted = [
        cut for cut in found if all(abs(cut - soft) > BESIDE_DISSOLVE for soft in film.dissolves)
    ]
    right = sum(any(abs(cut - true) <= TOLERANCE for cut in counted) for true in film.cuts)
    return 2 * right / (len(counted) + len(film.cuts))


def _run(*words: str) -> Cost:
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, *words], check=True, capture_output=True, text=True, env=dict(os.environ)
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.monotonic() - begun, cpu, done.stdout)
