"""Small films, each with one thing about it that is not as usual."""

import subprocess
from pathlib import Path

import av

PICTURES = "testsrc2=size=160x90:rate=25:duration=2"
TONE = "sine=frequency=440:sample_rate=16000:duration=2"
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def film(
    target: Path,
    *options: str,
    pictures: str | None = PICTURES,
    sound: str | Path | None = TONE,
    codec: tuple[str, ...] = H264,
) -> Path:
    """By ffmpeg, from its own test sources."""
    inputs: list[str] = []
    if pictures is not None:
        inputs += ["-f", "lavfi", "-i", pictures]
    if isinstance(sound, Path):
        inputs += ["-i", str(sound)]
    elif sound is not None:
        inputs += ["-f", "lavfi", "-i", sound]
    coding = codec if pictures is not None else ()
    run("ffmpeg", "-v", "error", "-y", *inputs, *coding, *options, str(target))
    return target


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def turned(source: Path, target: Path, degrees: int) -> Path:
    """The same film with the note that players should turn it."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        copy.set_display_rotation(degrees)
        for packet in old.demux(stream):
            if packet.size:
                packet.stream = copy
                new.mux(packet)
    return target


def cut_off(source: Path, target: Path, share: float = 0.5) -> Path:
    content = source.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target


def scratched(source: Path, target: Path) -> Path:
    """Noise in the middle of its pictures; the index stays as it was."""
    content = bytearray(source.read_bytes())
    pictures = content.index(b"mdat")
    length = int.from_bytes(content[pictures - 4 : pictures], "big")
    middle = pictures + length // 2
    content[middle : middle + 2560] = bytes(range(256)) * 10
    target.write_bytes(content)
    return target
