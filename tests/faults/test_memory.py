"""What the agent's own process takes, whatever the size of an input."""

import re
import time
from pathlib import Path

import pytest

from tests.end_to_end.house import Running, house_in
from tests.faults.nginx import nginx_in

MB = 10**6
FLAT = 10 * 1024
"""KiB between the smallest and the largest input."""
LARGE = 2000 * MB


@pytest.mark.slow
def test_the_peak_memory_of_the_agent_is_flat_from_a_megabyte_to_two_gigabytes(
    tmp_path: Path,
) -> None:
    """The same process takes both, so that nothing that the first one left can hide the second."""
    with nginx_in(tmp_path / "nginx") as nginx, house_in(tmp_path) as house:
        house.serve()
        agent = house.agent()

        def peak_after(size: int) -> int:
            with (nginx.files / str(size)).open("wb") as file:
                file.truncate(size)
            began = time.monotonic()
            job_id = house.create_job(
                b"",
                "zeros.mp3",
                content_type="audio",
                size=size,
                input_url=f"{nginx.url}/{size}",
            )
            job = house.ended(job_id, patience=120.0)
            # It came whole; only then somebody found that it is no sound.
            assert job["attempts"][-1]["outcome"] == "failed", job
            assert job["attempts"][-1]["reason"].startswith("the file is broken"), job
            peak = peak_of(agent)
            print(f"\n{size // MB} MB: {time.monotonic() - began:.1f} s, peak {peak} KiB")
            return peak

        small = peak_after(MB)
        assert peak_after(LARGE) - small < FLAT


def peak_of(running: Running) -> int:
    """KiB that were in memory at most (VmHWM), the children's not counted."""
    status = Path(f"/proc/{running.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1])
