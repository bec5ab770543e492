"""Snapshots as an agent might give them."""

from agent.model.ids import Bytes, Seconds
from agent.model.snapshot import (
    Contact,
    GpuLine,
    HeldBack,
    HeldLine,
    Snapshot,
    Unsettled,
    WhyIdle,
)

GB = 10**9
NOON = 1_767_268_800.0
"""2026-01-01 12:00 UTC."""
TWO_HOURS = Seconds(7200.0)

IDLE = Snapshot(
    agent_id="attic-3090",
    version="0.1.0",
    pid=4711,
    at=NOON,
    up_for=Seconds(11_520.0),
    contact=Contact(url="https://morag.example.org", since=Seconds(11_519.0)),
    mode="running",
    mode_reason="",
    slots=1,
    computing=0,
    outbox=0,
    why_idle=WhyIdle(
        local=None,
        server="the waiting jobs are not for us: 2 content_type, 1 too_large",
        change="one that is for it is taken at once",
    ),
)
PAUSED = Snapshot(
    agent_id="attic-3090",
    version="0.1.0",
    pid=4711,
    at=NOON,
    up_for=Seconds(60.0),
    contact=Contact(
        url="https://morag.example.org",
        since=Seconds(30.0),
        trouble="the server cannot be reached (connection refused)",
    ),
    mode="running",
    mode_reason="",
    slots=2,
    computing=0,
    outbox=0,
    restraints=(
        HeldBack(source="owner", rung="pause", why="paused by its owner", ends_in=TWO_HOURS),
        HeldBack(source="hours", rung="take_nothing", why="quiet hours", ends_in=Seconds(90_000.0)),
    ),
    why_idle=WhyIdle(
        local="paused by its owner",
        server="the server cannot be reached (connection refused)",
        change="it goes on by itself then",
        change_in=TWO_HOURS,
    ),
    taken=3,
    ended={"completed": 2, "failed": 1},
    settings=Unsettled(
        need_restart=("agent.slots", "gpu.enabled"), problem="/etc/agent.toml is no valid TOML"
    ),
)
BUSY = Snapshot(
    agent_id="attic-3090",
    version="0.1.0",
    pid=4711,
    at=NOON,
    up_for=Seconds(200_000.0),
    contact=Contact(url="https://morag.example.org", since=Seconds(3600.0)),
    mode="draining",
    mode_reason="drained by its owner",
    slots=1,
    computing=1,
    outbox=1,
    held=(
        HeldLine(
            job_id="a5d70a7faaea6c66ecc55b99",
            filename="lecture.mp3",
            content_type="audio",
            attempt=1,
            stage="processing",
            progress=0.615,
            message="transcribing",
            held_for=Seconds(754.0),
            in_stage_for=Seconds(700.0),
            lease_left=Seconds(74.0),
        ),
        HeldLine(
            job_id="b1",
            filename="講義の録音、二日目の午後、とても長い名前のファイルです.mp4",
            content_type="video",
            attempt=2,
            stage="uploading",
            progress=0.18,
            message="",
            held_for=Seconds(12.0),
            in_stage_for=Seconds(9.0),
            moved=Bytes(12_300_000),
            to_move=Bytes(68_000_000),
            rate=4_200_000.0,
            lease_left=Seconds(-5.0),
        ),
    ),
    gpus=(
        GpuLine(
            index=0,
            name="NVIDIA GeForce RTX 3090",
            memory_used=Bytes(int(9.8 * GB)),
            memory_total=Bytes(24 * GB),
            utilisation=87.0,
            temperature=62.0,
            power=280.4,
        ),
        GpuLine(index=1),
    ),
    taken=14,
    ended={"completed": 12},
)
