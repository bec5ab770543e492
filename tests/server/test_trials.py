"""The optional extension of section 12: what a caller may try on the path to the server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.server.trials import MOST_AT_ONCE
from agent.wire.trial import LARGEST, content
from tests.server.world import World, code_of, world

pytestmark = pytest.mark.real_time
TRIAL = "/v1/trial"


async def test_a_trial_takes_a_token_of_either_kind(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent = w.agent_side("a1")

        assert code_of(await w.stranger.get(TRIAL)) == (401, "unauthorized")
        assert code_of(await w.stranger.post(TRIAL, content=b"x")) == (401, "unauthorized")
        assert (await agent.http.get(TRIAL)).status_code == 200
        assert (await w.client.get(TRIAL)).status_code == 200


async def test_the_content_is_the_one_that_both_ends_know(tmp_path: Path) -> None:
    size = 3 * 2**20 + 7
    async with world(tmp_path) as w:
        answer = await w.client.get(TRIAL, params={"size": size})

        assert answer.headers["content-length"] == str(size)
        assert answer.content == b"".join(content(0, size))


async def test_ranges_are_answered_with_a_strong_tag(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        part = await w.client.get(
            TRIAL, params={"size": 2**21}, headers={"Range": "bytes=1048570-1048579"}
        )
        beyond = await w.client.get(TRIAL, params={"size": 5}, headers={"Range": "bytes=5-"})
        other = await w.client.get(
            TRIAL, params={"size": 5}, headers={"Range": "bytes=1-", "If-Range": '"another"'}
        )

    assert (part.status_code, part.headers["etag"]) == (206, '"trial-1-2097152"')
    assert part.headers["content-range"] == "bytes 1048570-1048579/2097152"
    assert part.content == b"".join(content(0, 2**21))[1048570:1048580]
    assert beyond.status_code == 416
    assert (other.status_code, len(other.content)) == (200, 5)


async def test_what_is_sent_is_counted_and_kept_nowhere(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        before = _names_in(tmp_path)

        taken = await w.client.post(TRIAL, content=b"x" * 100_000)

        assert taken.json() == {"size": 100_000}
        assert _names_in(tmp_path) == before


def _names_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


async def test_there_is_an_end_to_what_is_given_and_taken(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(2**20)

    async with world(tmp_path) as w:
        given = await w.client.get(TRIAL, params={"size": LARGEST + 1})
        silent = await w.client.get(TRIAL, params={"wait_s": 121})
        taken = await w.client.post(TRIAL, content=endless())

    assert code_of(given) == (422, "invalid")
    assert code_of(silent) == (422, "invalid")
    assert code_of(taken) == (413, "too_large")


async def test_silence_lasts_as_long_as_was_asked(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        begun = asyncio.get_running_loop().time()
        answer = await w.client.get(TRIAL, params={"wait_s": 0.3})

        assert answer.status_code == 200
        assert asyncio.get_running_loop().time() - begun >= 0.3


async def _silent(w: World, number: int) -> list[asyncio.Task[int]]:
    async def one() -> int:
        return (await w.client.get(TRIAL, params={"wait_s": 60})).status_code

    tasks = [asyncio.create_task(one()) for _ in range(number)]
    await asyncio.sleep(0.3)
    return tasks


async def test_so_many_at_once_and_no_more(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        silent = await _silent(w, MOST_AT_ONCE)

        refused = await w.client.get(TRIAL, params={"wait_s": 60})

        assert code_of(refused) == (429, "slow_down")
        assert refused.headers["retry-after"] == "30"
        w.server.stop_waiting()
        assert {await one for one in silent} == {503}


async def test_a_server_that_stops_waits_for_no_silence(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        (silent,) = await _silent(w, 1)
        w.server.stop_waiting()

        async with asyncio.timeout(2):
            assert await silent == 503
