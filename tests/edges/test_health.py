import json
from dataclasses import replace

from agent.edges.health import gpu_health, host_health
from agent.model.gpu_state import Draw, GpuSight, HostState, Load, Missing, ProcessKind, Trouble
from agent.model.ids import Bytes
from tests.core.looks import AGENT, gpu, ours, process

BUSY = replace(
    gpu(ours(4.0), process("secret-game.exe", 3.0), process("Xorg", None)),
    load=Load(compute=80, encoder=5, decoder=0),
    draw=Draw(watts=210.46, limit_watts=350.0, joules=5.0),
    throttling=("heat",),
)


def test_a_gpu_is_told_without_the_names_of_the_owners_programs() -> None:
    told = gpu_health(GpuSight((BUSY,)), {AGENT})

    assert told == {
        "gpus": [
            {
                "index": 0,
                "memory_used_bytes": 7_500_000_000,
                "memory_total_bytes": 24_000_000_000,
                "utilisation_percent": 80,
                "encoder_percent": 5,
                "decoder_percent": 0,
                "temperature_c": 50,
                "power_w": 210.5,
                "power_limit_w": 350.0,
                "throttling": ["heat"],
                "processes": [
                    {"program": "the agent", "memory_bytes": 4_000_000_000},
                    {"program": "a foreign program", "memory_bytes": 3_000_000_000},
                    {"program": "a foreign program"},
                ],
            }
        ]
    }


def test_what_a_card_does_not_tell_is_left_out() -> None:
    bare = replace(gpu(), memory=None, used=None, temperature_c=None, draw=Draw(), processes=None)

    assert gpu_health(GpuSight((bare,)), ()) == {"gpus": [{"index": 0}]}


def test_where_our_own_processes_are_not_known_none_are_told() -> None:
    assert "processes" in json.dumps(gpu_health(GpuSight((BUSY,)), ()))
    assert "processes" not in json.dumps(gpu_health(GpuSight((BUSY,)), None))


def test_trouble_is_told_by_kind_and_at_no_great_length() -> None:
    told = gpu_health(GpuSight(missing=(Missing(trouble=Trouble.LOST, why="x" * 1000),)), ())

    assert told == {"gpus": [], "gpu_trouble": [{"kind": "lost", "why": "x" * 200}]}


def test_two_busy_gpus_with_many_programs_stay_small() -> None:
    crowd = [process(f"program-{i}", 1.0, ProcessKind.BOTH, pid=i) for i in range(50)]
    state = replace(BUSY, processes=(ours(), *crowd))

    assert len(json.dumps(gpu_health(GpuSight((state, state)), {AGENT}))) < 1200


def test_a_battery_is_told_where_there_is_one() -> None:
    assert host_health(HostState()) == {}
    assert host_health(HostState(is_on_battery=False, battery_percent=97)) == {
        "on_battery": False,
        "battery_percent": 97,
    }


def test_how_long_the_owner_was_away_is_nobodys_business() -> None:
    assert "idle" not in str(host_health(HostState(owner_idle=Bytes(7))))  # type: ignore[arg-type]
