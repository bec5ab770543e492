"""Writes docs/captures/doctor*.txt: `doctor` on this machine, in 80 columns without colour.

    python -m tests.end_to_end.doctor_captures

Takes four minutes, most of them silent. What it says of GPUs is made up where there is none, and
then says so: the judgements are real, what they judge is not.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from agent.cli.doctor.check import Check, Finding, Group, Result
from agent.cli.doctor.computing import ctranslate2_finding, nvdec_finding, torch_finding
from agent.cli.doctor.containers import cdi_finding, engine_finding
from agent.cli.doctor.gpus import gpu_checks
from agent.cli.doctor.layout import lines
from agent.edges.container_engines import CdiSpec, Engine
from agent.pipelines.trials.arithmetic import CTranslate2, Device, Torch
from agent.pipelines.trials.driver import Holder
from agent.pipelines.trials.films import Filming
from tests.cli.doctor.patients import CARD, GIB, WORKS, patient
from tests.cli.served import Served, served

TARGET = Path(__file__).parents[2] / "docs" / "captures"
NOBODY = "http://127.0.0.1:9"
MADE_UP = "(Made up: the machine that this was captured on has no GPU.)\n\n"


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    with _home() as home, served(home / "data") as server:
        _verb(home, server, "doctor")
        _verb(home, server, "doctor-thorough", "--thorough")
        _verb(home, server, "doctor-no-server", "--server-url", NOBODY)
    told = "\n".join(lines(list(_on_a_gpu_box()), 14.0))
    _keep("doctor-gpu-made-up", "python -m agent doctor", f"{MADE_UP}{told}\n")


@contextmanager
def _home() -> Iterator[Path]:
    """A person who installed the agent into a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "morag-agent").symlink_to(sys.prefix)
        yield home


def _verb(home: Path, server: Served, name: str, *words: str) -> None:
    token = server.token("--agent", "attic")
    given = ["--agent-id", "attic", "--token-file", str(token), "--server-url", server.url, *words]
    ended = subprocess.run(
        [str(home / "morag-agent/bin/python"), "-m", "agent", "doctor", *given],
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    code = f"[exit code {ended.returncode}]\n" if ended.returncode else ""
    shown = " ".join(["python -m agent doctor", *words])
    text = (ended.stdout + ended.stderr + code).replace(str(home), "~")
    # The port is another one each time, and of the same length as the usual one or one longer.
    _keep(name, shown, text.replace(server.url, "http://127.0.0.1:8080"))


def _on_a_gpu_box() -> Iterator[Result]:
    """Where a driver was updated, and a game runs."""
    busy = replace(CARD, free=11 * GIB, holders=(Holder(4242, "game.exe", 9 * GIB),))
    who = patient(driver=replace(WORKS, cards=(busy,)), has_card=True)
    for check in gpu_checks(who):
        yield Result(check, check.look(), 0.4)
    device = Device(name=CARD.name, capability=(8, 6), took=1.9)
    torch = Torch(
        version="2.8.0+cu128", cuda="12.8", kinds=("sm_80", "sm_86", "sm_90"), devices=(device,)
    )
    translates = CTranslate2(
        version="4.8.5",
        devices=1,
        types=("float16", "int8", "int8_float16"),
        cublas="libcublas.so.12: cannot open shared object file",
    )
    spec = CdiSpec(
        path=Path("/etc/cdi/nvidia.yaml"),
        kind="nvidia.com/gpu",
        devices=("0", "all"),
        drivers=("550.54.14",),
    )
    found: Sequence[tuple[Group, str, Finding]] = (
        (Group.GPU, "torch", torch_finding(torch, (12, 8))),
        (Group.GPU, "ctranslate2", ctranslate2_finding(translates, (12, 8))),
        (Group.GPU, "nvdec", nvdec_finding(Filming(decoder="cuda", is_right=True), None)),
        (
            Group.CONTAINER,
            "engine",
            engine_finding([Engine("podman", (4, 3), "4.3.1")], has_gpu=True),
        ),
        (
            Group.CONTAINER,
            "cdi",
            cdi_finding([spec], "570.86", has_engine=True, has_gpu=True, has_toolkit=True),
        ),
    )
    for group, name, finding in found:
        yield Result(Check(group=group, name=name, look=lambda: found[0][2]), finding, 0.1)


def _keep(name: str, command: str, text: str) -> None:
    (TARGET / f"{name}.txt").write_text(f"$ {command}\n{text}", encoding="utf-8")
    print(name, file=sys.stderr)


if __name__ == "__main__":
    main()
