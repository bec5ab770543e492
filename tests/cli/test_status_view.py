"""What `status` shows, to the letter: 80 columns, 40 columns, and no colour."""

from dataclasses import replace
from datetime import UTC
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from agent.cli.status_view import View
from agent.model.ids import Seconds
from agent.model.snapshot import Contact, HeldLine, Snapshot, WhyIdle
from tests.snapshots import BUSY, IDLE, PAUSED


def shown(snapshot: Snapshot, width: int) -> str:
    console = Console(width=width, file=StringIO(), color_system=None, markup=False)
    with console.capture() as capture:
        console.print(View(console, UTC).of(snapshot))
    return capture.get()


AT_80 = {
    "idle": (
        IDLE,
        """\
agent     attic-3090, version 0.1.0, up 3 h 12 min
server    https://morag.example.org, connected for 3 h 12 min
state     running, 0 of 1 slot computing
idle      the waiting jobs are not for us: 2 content_type, 1 too_large; one
          that is for it is taken at once
""",
    ),
    "paused": (
        PAUSED,
        """\
agent     attic-3090, version 0.1.0, up 1 min
server    https://morag.example.org, in trouble for 30 s
state     paused, 0 of 2 slots computing
idle      paused by its owner; the server cannot be reached (connection
          refused); it goes on by itself then (at 14:00, in 2 h)
held back quiet hours (take nothing) (at 2026-01-02 13:00, in 1 d 1 h)
so far    3 taken: 2 completed, 1 failed
settings  the file cannot be used, the older ones hold: /etc/agent.toml is no
          valid TOML
settings  changed, and in force after a restart: agent.slots, gpu.enabled
""",
    ),
    "busy": (
        BUSY,
        """\
agent     attic-3090, version 0.1.0, up 2 d 8 h
server    https://morag.example.org, connected for 1 h
state     draining (drained by its owner), 1 of 1 slot computing, 1 in the
          outbox
GPU 0     NVIDIA GeForce RTX 3090, 62 °C, 280 W
          memory ████████████░░░░░░░░░░░░░░░░░░ 9.8 GB of 24.0 GB
          load   ██████████████████████████░░░░  87 %
GPU 1     NVIDIA
job       a5d70a7faaea6c66ecc55b99 lecture.mp3
          audio, attempt 1, held for 13 min, lease for 1 min more
          ██████████████████░░░░░░░░░░░░  62%
          processing: transcribing
job       b1 講義の録音、二日目の午後、とても長い名前のファイルです.mp4
          video, attempt 2, held for 12 s, its lease ran out 5 s ago
          █████░░░░░░░░░░░░░░░░░░░░░░░░░  18%
          uploading for 9 s
          12.3 MB of 68.0 MB at 4.2 MB/s
so far    14 taken: 12 completed
""",
    ),
}
AT_40 = """\
agent     attic-3090, version 0.1.0, up
          1 min
server    https://morag.example.org, in
          trouble for 30 s
state     paused, 0 of 2 slots
          computing
idle      paused by its owner; the
          server cannot be reached
          (connection refused); it goes
          on by itself then (at 14:00,
          in 2 h)
held back quiet hours (take nothing)
          (at 2026-01-02 13:00, in 1 d
          1 h)
so far    3 taken: 2 completed, 1
          failed
settings  the file cannot be used, the
          older ones hold:
          /etc/agent.toml is no valid
          TOML
settings  changed, and in force after a
          restart: agent.slots,
          gpu.enabled
"""


@pytest.mark.parametrize(("snapshot", "expected"), AT_80.values(), ids=AT_80)
def test_a_terminal_of_80_columns_shows_it_all(snapshot: Snapshot, expected: str) -> None:
    assert shown(snapshot, 80) == expected


def test_a_window_of_40_columns_folds_what_is_long() -> None:
    assert shown(PAUSED, 40) == AT_40


words = st.text(max_size=120)
lengths = st.floats(0, 1e7)


@given(words, words, words, lengths, st.integers(12, 200))
def test_no_line_is_wider_than_the_window_whatever_others_wrote(
    name: str, message: str, trouble: str, seconds: float, width: int
) -> None:
    job = replace(BUSY.held[1], filename=name, message=message, held_for=Seconds(seconds))
    contact = Contact(url="http://s", since=Seconds(seconds), trouble=trouble)
    text = shown(replace(BUSY, held=(job,), contact=contact, mode_reason=name), width)

    assert max(map(cell_len, text.splitlines())) <= width
    assert "\x1b" not in text


def test_a_job_that_is_only_offered_or_whose_lease_ran_out_says_so() -> None:
    def lease(left: float | None) -> HeldLine:
        return replace(BUSY.held[0], lease_left=None if left is None else Seconds(left))

    text = shown(replace(BUSY, held=(lease(None), lease(-90.0))), 80)

    assert "not accepted yet" in text
    assert "its lease ran out 2 min ago" in text


def test_what_holds_back_is_told_once_and_beside_another_reason_too() -> None:
    drained = replace(
        PAUSED, why_idle=WhyIdle(local="it is coming to its end", server=None, change="")
    )

    assert shown(PAUSED, 80).count("paused by its owner") == 1
    assert shown(drained, 80).count("paused by its owner") == 1


def test_before_the_first_answer_there_is_no_contact() -> None:
    text = shown(replace(IDLE, contact=Contact(url="http://s", since=None)), 80)

    assert "http://s, has not answered yet" in text


def test_a_server_that_is_a_morag_is_called_one() -> None:
    text = shown(replace(IDLE, contact=replace(IDLE.contact, dialect="morag")), 80)

    assert "https://morag.example.org (a MoRAG), connected for" in text
    assert "MoRAG" not in shown(IDLE, 80)


def test_a_terminal_that_knows_no_blocks_gets_plain_characters() -> None:
    raw = BytesIO()
    file = TextIOWrapper(raw, encoding="ascii", errors="strict")
    console = Console(width=80, file=file, color_system=None, markup=False)
    gpus_alone = replace(BUSY, held=BUSY.held[:1])

    console.print(View(console, UTC).of(gpus_alone))
    file.flush()

    assert b"memory ############" in raw.getvalue()
    assert b"62 C" in raw.getvalue()


def test_colour_is_for_terminals_that_have_it() -> None:
    console = Console(width=80, file=StringIO(), force_terminal=True, color_system="standard")
    with console.capture() as capture:
        console.print(View(console, UTC).of(PAUSED))

    assert "\x1b[33m" in capture.get()
