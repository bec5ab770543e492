"""What a file may cost is limited, and who goes over a limit is told which."""

import resource
from dataclasses import replace
from pathlib import Path

import pytest

from agent.model.ids import Bytes, Seconds
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.rlimits import limit_resources
from agent.pipelines.box.running import Box
from agent.pipelines.errors import MediaUnreadableError, TooLargeError
from tests.pipelines.box.conftest import liar

MIB = 1024 * 1024


def test_memory(probe: Box, file: Path, scratch: Path) -> None:
    limits = Limits(memory=Bytes(512 * MIB))

    assert probe.read("take_memory", file, scratch, {"size": 64 * MIB}, limits=limits)
    with pytest.raises(TooLargeError, match="more than 512 MiB of memory"):
        probe.read("take_memory", file, scratch, {"size": 600 * MIB}, limits=limits)


def test_time_on_the_processor(probe: Box, file: Path, scratch: Path) -> None:
    with pytest.raises(TooLargeError, match="takes more than 1 s"):
        probe.read("take_time", file, scratch, limits=Limits(cpu=Seconds(1.0)))


def test_one_large_file(probe: Box, file: Path, scratch: Path) -> None:
    limits = Limits(written=Bytes(MIB))

    assert probe.read("write_one_file", file, scratch, {"size": MIB}, limits=limits) == {}
    with pytest.raises(TooLargeError, match="writes more than 1 MiB"):
        probe.read("write_one_file", file, scratch, {"size": MIB + 1}, limits=limits)


def test_many_small_files(probe: Box, file: Path, scratch: Path) -> None:
    arguments = {"count": 20, "size": 100_000}

    with pytest.raises(TooLargeError, match="fills the disk with more than 1 MiB"):
        probe.read("write_many_files", file, scratch, {**arguments}, limits=_written(MIB))


def test_what_lay_in_scratch_before_costs_nothing(probe: Box, file: Path, scratch: Path) -> None:
    (scratch / "page.html").write_bytes(bytes(2 * MIB))

    assert probe.read("write_one_file", file, scratch, {"size": 1000}, limits=_written(MIB)) == {}


def test_a_number_of_files(probe: Box, file: Path, scratch: Path) -> None:
    with pytest.raises(TooLargeError, match="more than 10 files"):
        probe.read(
            "write_many_files", file, scratch, {"count": 11, "size": 0}, limits=Limits(files=10)
        )


def test_folders_deeper_than_a_path_is_long(file: Path, scratch: Path) -> None:
    script = f"""
os.chdir({str(scratch)!r})
for _ in range(30): os.mkdir('d' * 200); os.chdir('d' * 200)
print('{{"result": {{}}}}')"""

    with pytest.raises(MediaUnreadableError, match="nobody can look into"):
        liar(script).read("any", file, scratch)


def test_a_full_scratch_folder_ends_a_box_that_goes_on_writing(file: Path, scratch: Path) -> None:
    script = f"""
open({str(scratch / "large")!r}, 'wb').write(bytes(2 * {MIB}))
while True: time.sleep(3600)"""

    with pytest.raises(TooLargeError, match="fills the disk"):
        liar(script).read("any", file, scratch, limits=_written(MIB))


def test_limits_never_rise_above_those_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100))
    monkeypatch.setattr(resource, "setrlimit", given.__setitem__)

    limit_resources(Limits())

    assert given[resource.RLIMIT_CORE] == (0, 0)
    assert {limits for kind, limits in given.items() if kind != resource.RLIMIT_CORE} == {
        (100, 100)
    }


def test_with_a_gpu_addresses_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", given.__setitem__)

    limit_resources(Limits(), gpu=True)

    assert resource.RLIMIT_AS not in given
    assert resource.RLIMIT_CPU in given


def _written(size: int) -> Limits:
    return Limits(written=Bytes(size))


def test_the_time_that_its_listener_waits_is_not_that_of_the_file(
    file: Path, scratch: Path
) -> None:
    """A child that has stepped back hears a box out later."""
    now = 0.0
    script = 'print(\'{"at": 0.5}\\n{"at": 0.6}\\n{"result": {"pages": 1}}\', flush=True)'

    def wait(_position: float) -> None:
        nonlocal now
        now += 3600.0

    box = replace(liar(script), now=lambda: now)
    limits = Limits(wall=Seconds(60.0), stall=Seconds(10.0))

    assert box.read("document", file, scratch, limits=limits, on_told=wait) == {"pages": 1}
    assert now == 7200.0
