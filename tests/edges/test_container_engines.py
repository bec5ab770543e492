import json
from pathlib import Path

import pytest

from agent.edges.container_engines import (
    cdi_specs,
    engines,
    has_gpu_files,
    loaded_driver,
)

SPEC = """\
---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
  - name: "0"
    containerEdits:
      deviceNodes:
        - path: /dev/nvidia0
  - name: all
containerEdits:
  mounts:
    - hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.550.54.14
      containerPath: /usr/lib/x86_64-linux-gnu/libcuda.so.550.54.14
    - hostPath: /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54.14
      containerPath: /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54.14
"""


def test_a_cdi_spec_tells_its_devices_and_the_driver_it_was_made_for(tmp_path: Path) -> None:
    (tmp_path / "nvidia.yaml").write_text(SPEC)

    (spec,) = cdi_specs([tmp_path, tmp_path / "none"])

    assert (spec.kind, spec.devices) == ("nvidia.com/gpu", ("0", "all"))
    assert (spec.drivers, spec.trouble) == (("550.54.14",), "")


def test_json_is_read_as_well_and_other_files_are_left_alone(tmp_path: Path) -> None:
    content = {"cdiVersion": "0.5.0", "kind": "vendor.com/net", "devices": [{"name": "a"}]}
    (tmp_path / "net.json").write_text(json.dumps(content))
    (tmp_path / "README").write_text("no spec")

    (spec,) = cdi_specs([tmp_path])

    assert (spec.kind, spec.devices, spec.drivers) == ("vendor.com/net", ("a",), ())


@pytest.mark.parametrize(
    ("name", "content", "trouble"),
    [
        ("a.yaml", b"kind: [", "cannot be parsed"),
        ("a.json", b"{", "cannot be parsed"),
        ("a.yaml", b"- a list", "names no kind and devices"),
        ("a.yaml", b"kind: nvidia.com/gpu\n", "names no kind and devices"),
        ("a.yaml", b"\xff\xfe", "codec"),
    ],
)
def test_a_spec_that_is_none_says_why(
    tmp_path: Path, name: str, content: bytes, trouble: str
) -> None:
    (tmp_path / name).write_bytes(content)

    (spec,) = cdi_specs([tmp_path])

    assert trouble in spec.trouble


def test_a_spec_cannot_run_code(tmp_path: Path) -> None:
    evil = f"kind: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\n"
    (tmp_path / "a.yaml").write_text(evil)

    (spec,) = cdi_specs([tmp_path])

    assert spec.trouble
    assert not (tmp_path / "made").exists()


def test_the_drivers_device_files_tell_whether_a_gpu_was_passed_in(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidiactl").touch()
    assert not has_gpu_files(tmp_path)

    (tmp_path / "dev" / "nvidia0").touch()
    assert has_gpu_files(tmp_path)


def test_under_wsl_another_file_stands_for_the_gpu(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "dxg").touch()

    assert has_gpu_files(tmp_path)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22", "550.54.14"),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release",
            "570.86.15",
        ),
        ("something else", None),
    ],
)
def test_the_driver_that_runs_is_read_without_asking_it(
    tmp_path: Path, text: str, version: str | None
) -> None:
    (tmp_path / "version").write_text(text)

    assert loaded_driver(tmp_path / "version") == version
    assert loaded_driver(tmp_path / "none") is None


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_engines_in_the_path_tell_their_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "podman", "echo podman version 4.3.1")
    program(tmp_path, "docker", "echo 'permission denied' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")

    podman, docker = engines()

    assert (podman.version, podman.said) == ((4, 3), "4.3.1")
    assert (docker.version, docker.said) == (None, "permission denied")
