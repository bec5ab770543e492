"""Writes docs/captures/: what the owner sees, of real processes, in 80 columns without colour.

    python -m tests.end_to_end.captures

The one picture with a GPU shows a made-up snapshot, and says so.
"""

import re
import sys
import tempfile
from datetime import UTC
from io import StringIO
from pathlib import Path

from rich.console import Console

from agent.cli.status_view import View
from tests.end_to_end.house import House, house_in, wait_until
from tests.end_to_end.terminal import COLUMNS, terminal
from tests.snapshots import BUSY
from tests.speech import FOX, SHIP, say

TARGET = Path(__file__).parents[2] / "docs" / "captures"
MADE_UP = "(A made-up snapshot: the machine that this was captured on has no GPU.)\n\n"


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, house_in(Path(folder)) as house:
        _capture(house)
    console = Console(width=COLUMNS, file=StringIO(), color_system=None, markup=False)
    with console.capture() as capture:
        console.print(View(console, UTC).of(BUSY))
    _keep("status-gpu-made-up", "python -m agent status", MADE_UP + capture.get())


def _capture(house: House) -> None:
    server = house.serve()
    agent = house.agent()
    agent.wait_for("hello.answered")
    wait_until(lambda: _ask(house, "status"), "an answer")
    _verb(house, "status-idle", "status")
    _verb(house, "pause", "pause", "--for", "2h")
    _verb(house, "status-paused", "status")
    _ask(house, "resume")
    clip = say(f"{FOX} {SHIP}", house.folder / "lecture.wav").read_bytes()
    job_id = house.create_job(clip, "lecture.wav", content_type="audio")
    agent.wait_for('"stage": "processing"')
    _watch(house)
    _verb(house, "jobs-held", "jobs", "--held")
    house.ended(job_id, patience=180.0)
    agent.wait_for("job.ended")
    _verb(house, "logs", "logs", job_id)
    server.process.kill()
    server.end()
    agent.wait_for("poll.postponed")
    _verb(house, "status-server-gone", "status")
    agent.process.kill()
    agent.end()
    _verb(house, "status-no-agent", "status")


def _watch(house: House) -> None:
    words = ["status", "--watch", "--every", "0.5", "--spool", "spool-attic"]
    with terminal(house, words, NO_COLOR="1") as shown:
        wait_until(lambda: shown.says("transcribing") or shown.says("speakers"), "a job at work")
        before = len(shown.said)
        wait_until(lambda: shown.says("\0") or len(shown.said) > before + 2000, "another picture")
        _keep("status-watch", "NO_COLOR=1 python -m agent status --watch", shown.screen)


def _verb(house: House, name: str, *words: str) -> None:
    said = house.run(*words, "--spool", "spool-attic")
    code = f"[exit code {said.returncode}]\n" if said.returncode else ""
    _keep(name, f"python -m agent {' '.join(words)}", said.stdout + said.stderr + code)


def _ask(house: House, *words: str) -> bool:
    return house.run(*words, "--spool", "spool-attic").returncode == 0


def _keep(name: str, command: str, text: str) -> None:
    # The port is another one each time, and nobody's concern.
    tidy = re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:8080", text)
    (TARGET / f"{name}.txt").write_text(f"$ {command}\n{tidy}", encoding="utf-8")
    print(name, file=sys.stderr)


if __name__ == "__main__":
    main()
