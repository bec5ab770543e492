import json
import os
import socket
from pathlib import Path

from agent.edges.nvml import RECENT
from agent.edges.probe import SystemProbe, free_disk
from agent.model.ids import Seconds
from tests.fakes.boxes import box
from tests.fakes.nvml import Card, FakeNvml, NvmlError, Process, seen_by


def probe_of(
    folder: Path,
    library: FakeNvml | None = None,
    *,
    max_age: Seconds = Seconds(0.0),  # noqa: B008
) -> SystemProbe:
    nvml = seen_by(library, box(folder)) if library else None
    return SystemProbe(folder, nvml=nvml, health_max_age=max_age)


def test_the_hardware_is_that_of_this_box(tmp_path: Path) -> None:
    hardware = probe_of(tmp_path, FakeNvml([Card(name="A")])).hardware()

    assert hardware.cpu_cores > 0
    assert hardware.memory > 2**28
    assert hardware.disk_free > 0
    assert hardware.hostname == socket.gethostname()
    assert [gpu.name for gpu in hardware.gpus] == ["A"]


def test_a_gpu_that_is_switched_off_is_not_looked_for(tmp_path: Path) -> None:
    sight = probe_of(tmp_path).gpus()

    assert sight.gpus == ()
    assert sight.reason == "the GPU is switched off in the settings"


def test_the_disk_of_a_folder_that_is_not_there_yet_is_its_parents(tmp_path: Path) -> None:
    assert abs(free_disk(tmp_path / "a" / "b") - free_disk(tmp_path)) < 2**30


def test_health_tells_load_memory_disk_and_gpus(tmp_path: Path) -> None:
    probe = probe_of(tmp_path, FakeNvml([Card(temperature=70)]))
    probe.hardware()

    health = probe.health()

    assert health.keys() == {
        "cpu_percent",
        "memory_percent",
        "memory_available_bytes",
        "disk_free_bytes",
        "gpus",
    }
    (gpu,) = health["gpus"] if isinstance(health["gpus"], list) else []
    assert isinstance(gpu, dict)
    assert gpu["temperature_c"] == 70


def test_health_tells_what_was_last_seen_and_asks_no_driver_itself(tmp_path: Path) -> None:
    library = FakeNvml([Card(processes=(Process(os.getpid()), Process(1, "secret.exe")))])
    probe = probe_of(tmp_path, library)
    probe.hardware()
    library.broken = NvmlError("gone")

    health = probe.health()

    (gpu,) = health["gpus"] if isinstance(health["gpus"], list) else []
    assert isinstance(gpu, dict)
    assert gpu["processes"] == [
        {"program": "the agent", "memory_bytes": 200_000_000},
        {"program": "a foreign program", "memory_bytes": 200_000_000},
    ]
    assert "secret" not in json.dumps(health)
    assert "gpu_trouble" not in health


def test_health_tells_why_there_is_no_gpu(tmp_path: Path) -> None:
    probe = probe_of(tmp_path, FakeNvml(broken=NvmlError("gone")))
    probe.hardware()

    assert probe.health()["gpu_trouble"] == [
        {"kind": "lost", "why": "the NVIDIA driver does not answer (gone)"}
    ]


def test_health_tells_no_old_numbers_as_if_they_were_new(tmp_path: Path) -> None:
    now = [1000.0]
    nvml = seen_by(FakeNvml([Card()]), box(tmp_path), now=lambda: now[0])
    probe = SystemProbe(tmp_path, nvml=nvml, health_max_age=Seconds(0.0))
    probe.hardware()
    now[0] += RECENT + 1.0

    health = probe.health()

    assert (health["gpus"], probe.gpu_states()) == ([], ())
    assert health["gpu_trouble"] == [
        {"kind": "silent", "why": "the NVIDIA driver has told nothing for 15 s"}
    ]


def test_health_is_measured_again_only_when_it_is_old(tmp_path: Path) -> None:
    lasting = probe_of(tmp_path, max_age=Seconds(3600.0))
    passing = probe_of(tmp_path)

    assert lasting.health() is lasting.health()
    assert passing.health() is not passing.health()
