import pytest
import respx

from agent.core.resume import Answer, Fetch, Have, StartOver, TakeFrom, Verify, judge, plan
from agent.core.tries import Tries
from agent.edges.downloads import HttpInputSource
from agent.model.errors import AgentError, InputUnavailableError, LeaseLostError
from agent.model.ids import Bytes, Instant
from agent.ports import Part
from tests.edges.server import SERVER, connected, problem

INPUT = f"{SERVER}/v1/leases/l1/input"
STRANGER = "https://files.example/a"
HAVE = Have(3, '"v1"')
SIZE = Bytes(6)


async def opened(url: str, fetch: Fetch) -> Part | None:
    async with connected() as connection:
        source = HttpInputSource(connection)
        async with source.open(url, offset=fetch.offset, etag=fetch.etag) as body:
            return body.opened if isinstance(body.opened, Part) else None


def ordered(have: Have = HAVE) -> Fetch:
    step = plan(have, SIZE)
    assert isinstance(step, Fetch)
    return step


@pytest.mark.parametrize("url", ["/v1/leases/l1/input", INPUT])
@respx.mock
async def test_an_input_url_is_absolute_or_relative(url: str) -> None:
    route = respx.get(INPUT).respond(200)

    await opened(url, Fetch(0, None))

    assert route.call_count == 1


@respx.mock
async def test_a_cut_input_is_resumed_by_range_and_if_range() -> None:
    headers = {"Content-Range": "bytes 3-5/6", "ETag": '"v1"'}
    route = respx.get(INPUT).respond(206, headers=headers, content=b"def")

    part = await opened(INPUT, ordered())

    sent = route.calls.last.request.headers
    assert (sent["range"], sent["if-range"]) == ("bytes=3-", '"v1"')
    assert part is not None
    answer = Answer(206, part.start, part.total, part.etag)
    assert judge(answer, ordered(), HAVE, SIZE) == TakeFrom(3)


def test_200_to_a_range_starts_again() -> None:
    judgement = judge(Answer(200, 0, SIZE, '"v1"'), ordered(), HAVE, SIZE)

    assert isinstance(judgement, StartOver)
    assert judgement.is_open


def test_a_changed_etag_starts_again() -> None:
    assert isinstance(judge(Answer(206, 3, SIZE, '"v2"'), ordered(), HAVE, SIZE), StartOver)


@respx.mock
async def test_a_weak_etag_starts_again_without_if_range() -> None:
    route = respx.get(INPUT).respond(200, content=b"abcdef")

    await opened(INPUT, ordered(Have(3, 'W/"v1"')))

    assert not {"range", "if-range"} & set(route.calls.last.request.headers)


def test_416_on_a_whole_input_is_verified() -> None:
    have = Have(6, '"v1"')

    assert judge(Answer(416, 0, Bytes(6), None), Fetch(6, '"v1"'), have, None) == Verify()


def test_bytes_are_checked_before_anything_is_done_with_them() -> None:
    assert plan(Have(6, '"v1"'), SIZE) == Verify()


def test_five_tries_without_progress_are_enough() -> None:
    tries = Tries(Instant(0.0))

    given_up = [tries.on_failure(Instant(1.0), answered=True) for _ in range(5)]

    assert given_up == [False] * 4 + [True]


def test_ten_minutes_without_progress_are_enough() -> None:
    assert Tries(Instant(0.0)).on_failure(Instant(600.0), answered=False)


@respx.mock
async def test_a_token_is_not_sent_to_another_origin_redirected_or_not() -> None:
    respx.get(INPUT).respond(302, headers={"Location": STRANGER})
    route = respx.get(STRANGER).respond(200)

    await opened(INPUT, Fetch(0, None))
    await opened(STRANGER, Fetch(0, None))

    assert route.call_count == 2
    assert not [call for call in route.calls if "authorization" in call.request.headers]


@pytest.mark.parametrize("status", [401, 402, 403, 404])
@respx.mock
async def test_401_to_404_from_another_origin_are_about_the_input(status: int) -> None:
    respx.get(STRANGER).respond(status, content=problem("unauthorized").content)

    with pytest.raises(InputUnavailableError):
        await opened(STRANGER, Fetch(0, None))


@pytest.mark.parametrize("code", ["lease_lost", "unknown_lease"])
@respx.mock
async def test_the_servers_own_input_url_is_decided_by_code(code: str) -> None:
    respx.get(INPUT).mock(return_value=problem(code))

    with pytest.raises(AgentError) as caught:
        await opened(INPUT, Fetch(0, None))

    assert isinstance(caught.value, LeaseLostError)
