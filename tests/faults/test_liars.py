"""Sources that answer something else than they were asked, or than they say."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import pytest

from agent.model.errors import InputCorruptError, InputUnavailableError
from agent.model.ids import Bytes, Digest
from tests.fakes.raw_http import Reply, Request, raw_server
from tests.faults.content import Content
from tests.faults.fetching import Fetching, fetching

pytestmark = pytest.mark.real_time

TEXT = bytes(range(256)) * 1000
SIZE = len(TEXT)
CONTENT = Content(Path(), Bytes(SIZE), Digest(sha256(TEXT).hexdigest()))
ETAG = {"ETag": '"v1"'}
CUT_AT = 100_000
Lie = Callable[[int], Reply]
"""The answer to a range that begins there."""


@dataclass
class Liar:
    """Honest without a range, though its first answer is cut; `lie` answers what is left."""

    lie: Lie
    lies: int = 1000
    ranges: list[int] = field(default_factory=list[int])
    asked: int = 0

    def __call__(self, request: Request) -> Reply:
        self.asked += 1
        start = int(request.headers.get("range", "bytes=0-")[6:-1])
        whole = Reply(200, ETAG, TEXT)
        if self.asked == 1:
            return replace(whole, cut_after=CUT_AT)
        if not start:
            return whole
        self.ranges.append(start)
        return self.lie(start) if len(self.ranges) <= self.lies else rest(start)


def rest(start: int, body: bytes | None = None, **headers: str) -> Reply:
    told = {**ETAG, "Content-Range": f"bytes {start}-{SIZE - 1}/{SIZE}"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: value for name, value in told.items() if value}
    return Reply(206, kept, TEXT[start:] if body is None else body)


async def fetched(
    liar: Callable[[Request], Reply], folder: Path, check: Callable[[Fetching], None]
) -> bool:
    async with (
        raw_server(liar) as server,
        fetching(folder, f"{server.url}/input", CONTENT) as one,
    ):
        is_whole = await one.holds(CONTENT)
        check(one)
        return is_whole


def no_check(_: Fetching) -> None:
    pass


LIES: dict[str, Lie] = {
    "everything again": lambda _: Reply(200, ETAG, TEXT),
    "everything again of another version": lambda _: Reply(200, {"ETag": '"v2"'}, TEXT),
    "no Content-Range": lambda start: rest(start, Content_Range=""),
    "a Content-Range that cannot be": lambda start: rest(
        start, Content_Range=f"bytes {SIZE}-{start}/{SIZE}"
    ),
    "a Content-Range past the end": lambda start: rest(
        start, Content_Range=f"bytes {start}-{SIZE}/{SIZE}"
    ),
    "another range than asked": lambda start: rest(
        start, TEXT[start + 1 :], Content_Range=f"bytes {start + 1}-{SIZE - 1}/{SIZE}"
    ),
    "another total": lambda start: rest(
        start, Content_Range=f"bytes {start}-{SIZE - 1}/{SIZE + 1}"
    ),
    "another version": lambda start: rest(start, ETag='"v2"'),
    "no version": lambda start: rest(start, ETag=""),
    "the right range with other bytes": lambda start: rest(start, TEXT[: SIZE - start]),
    "the right range with too few bytes": lambda start: Reply(
        206, rest(start).headers, TEXT[start:-1], tells_length=False
    ),
    "the right range with too many bytes": lambda start: Reply(
        206, rest(start).headers, TEXT[start:] + b"!" * 10, tells_length=False
    ),
    "several ranges at once": lambda _: Reply(
        206, {**ETAG, "Content-Type": "multipart/byteranges; boundary=x"}, b"--x--"
    ),
    "nothing left": lambda _: Reply(416, {"Content-Range": f"bytes */{CUT_AT}"}),
    "nothing left, without saying of what": lambda _: Reply(416),
    "an error": lambda _: Reply(500),
    "a page instead": lambda _: Reply(404),
    "an encoded answer": lambda start: rest(start, b"\x1f\x8b", Content_Encoding="gzip"),
    "no content": lambda _: Reply(204),
}


@pytest.mark.parametrize("name", sorted(LIES))
async def test_a_source_that_lies_once_is_not_believed(name: str, tmp_path: Path) -> None:
    assert await fetched(Liar(LIES[name], lies=1), tmp_path, no_check)


NEVER = {
    "an error",
    "a page instead",
    "an encoded answer",
    "no content",
    "the right range with too few bytes",
}
"""What gives nothing, ever: after five of them in a row the input is unavailable."""


@pytest.mark.parametrize("name", sorted(set(LIES) - NEVER))
async def test_a_source_whose_ranges_are_all_lies_is_fetched_from_its_beginning(
    name: str, tmp_path: Path
) -> None:
    liar = Liar(LIES[name])

    assert await fetched(liar, tmp_path, no_check)

    assert len(liar.ranges) <= 2


@pytest.mark.parametrize("name", sorted(NEVER))
async def test_a_source_that_gives_nothing_more_is_asked_five_times(
    name: str, tmp_path: Path
) -> None:
    liar = Liar(LIES[name])

    with pytest.raises(InputUnavailableError):
        await fetched(liar, tmp_path, no_check)

    assert liar.ranges[0] == CUT_AT
    assert len(liar.ranges) <= 6


async def test_a_source_without_ranges_is_read_again_and_no_byte_twice_taken(
    tmp_path: Path,
) -> None:
    replies = iter([Reply(200, ETAG, TEXT, cut_after=at) for at in (50_000, 200_000, 100)])

    def ignorant(_: Request) -> Reply:
        return next(replies, Reply(200, ETAG, TEXT))

    assert await fetched(ignorant, tmp_path, no_check)


async def test_an_answer_without_a_length_that_is_cut_goes_on(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        start = int(request.headers.get("range", "bytes=0-")[6:-1])
        if start:
            return rest(start)
        return Reply(200, ETAG, TEXT[:CUT_AT], tells_length=False)

    def check(one: Fetching) -> None:
        assert one.source.offsets == [0, CUT_AT]

    assert await fetched(reply, tmp_path, check)


@pytest.mark.parametrize("more", [b"!", b"!" * 10 * SIZE])
async def test_a_source_that_never_stops_is_corrupt_and_not_read_on(
    more: bytes, tmp_path: Path
) -> None:
    def check(one: Fetching) -> None:
        assert one.source.received < 2 * SIZE + 4 * 256 * 1024

    async with (
        raw_server(Reply(200, ETAG, TEXT + more, tells_length=False)) as server,
        fetching(tmp_path, f"{server.url}/input", CONTENT) as one,
    ):
        with pytest.raises(InputCorruptError):
            await one.download()
        check(one)


async def test_no_token_goes_to_another_origin_on_any_of_the_ways(tmp_path: Path) -> None:
    def elsewhere(request: Request) -> Reply:
        start = int(request.headers.get("range", "bytes=0-")[6:-1])
        return rest(start) if start else Reply(200, ETAG, TEXT, cut_after=CUT_AT)

    async with raw_server(elsewhere) as stranger:
        redirect = Reply(307, {"Location": f"{stranger.url}/there"}, b"moved")
        async with (
            raw_server(redirect) as ours,
            fetching(tmp_path, f"{ours.url}/input", CONTENT) as one,
        ):
            assert await one.holds(CONTENT)

        assert [r.headers["authorization"] for r in ours.requests] == ["Bearer the-token"] * 2
        assert len(stranger.requests) == 2
        assert not any("authorization" in r.headers for r in stranger.requests)
        assert stranger.requests[1].headers["range"] == f"bytes={CUT_AT}-"
        assert stranger.requests[1].headers["if-range"] == '"v1"'
