"""A large input over a connection that never holds for long."""

import time
from pathlib import Path

import pytest

from tests.faults.content import sparse_file
from tests.faults.faults import Cut, Reset, Way
from tests.faults.fetching import fetching
from tests.faults.nginx import nginx_in
from tests.faults.proxy import proxy_to

MB = 10**6
READ = 64 * 1024
"""What one read of the connection brings at most."""


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_gigabyte_with_a_cut_every_5_mb_arrives_at_the_price_of_a_gigabyte(
    tmp_path: Path,
) -> None:
    with nginx_in(tmp_path / "nginx") as nginx:
        content = sparse_file(nginx.files / "input", 1000 * MB)

        def plan(number: int) -> tuple[Cut | Reset]:
            return (Cut(5 * MB) if number % 2 else Reset(5 * MB),)

        async with (
            proxy_to(nginx.port, plan) as proxy,
            fetching(tmp_path, f"{proxy.url}/input", content) as one,
        ):
            began = time.monotonic()
            assert await one.holds(content)
            took = time.monotonic() - began

        cuts = proxy.connections - 1
        heads = proxy.connections * 1024
        again = proxy.passed(Way.DOWN) - heads - content.size
        print(f"\n1 GB, {cuts} cuts: {took:.1f} s, {max(0, again)} bytes fetched again")
        assert cuts == 200
        assert one.source.received <= content.size + cuts * READ
        assert again <= cuts * READ
        assert proxy.passed(Way.UP) < proxy.connections * 1024
