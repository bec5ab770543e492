"""Real sockets: who may ask, who is refused, and that nobody keeps anybody else waiting."""

import asyncio
import os
import socket
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest

from agent.edges.control_client import asked, watched
from agent.edges.control_place import ControlRefusedError, NoAgentError, NotOursError, short_name
from agent.edges.control_socket import MOST_CLIENTS, ControlSocket
from agent.edges.control_words import read_answer, written
from agent.model.control import (
    MOST_REQUEST,
    AskDrain,
    AskPause,
    AskStatus,
    AskWatch,
    Done,
    Refused,
    Told,
)
from agent.model.errors import SpoolError
from tests.fakes.desk import FakeDesk
from tests.snapshots import BUSY, IDLE

pytestmark = pytest.mark.real_time

NOBODY = 65534
IMPATIENT = 0.3


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o700)
    return folder


@asynccontextmanager
async def served(
    spool: Path, desk: FakeDesk | None = None, patience: float = 5.0
) -> AsyncIterator[FakeDesk]:
    desk = desk or FakeDesk()
    async with ControlSocket(spool, desk, patience).open():
        yield desk


def place(spool: Path) -> Path:
    return spool / "control" / "socket"


def connected(spool: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(place(spool)))
    client.settimeout(10.0)
    return client


def heard(client: socket.socket) -> bytes:
    """All that is said until the other side ends."""
    said = b""
    try:
        while part := client.recv(65536):
            said += part
    except ConnectionResetError:
        pass
    return said


async def test_the_owner_is_answered(spool: Path) -> None:
    async with served(spool, FakeDesk(BUSY)):
        told = await asyncio.to_thread(asked, spool, AskStatus())

    assert told == Told(snapshot=BUSY)


async def test_a_wish_is_carried_out(spool: Path) -> None:
    async with served(spool) as desk:
        answer = await asyncio.to_thread(asked, spool, AskPause(lasts=60.0))

    assert answer == Done(snapshot=IDLE)
    assert desk.done == [AskPause(lasts=60.0)]


async def test_a_watcher_is_shown_one_look_after_the_other(spool: Path) -> None:
    def three() -> list[object]:
        looks = watched(spool, 0.2)
        return [next(looks), next(looks), next(looks)]

    async with served(spool) as desk:
        seen = await asyncio.to_thread(three)
        looks = desk.looks
        await asyncio.sleep(0.6)

        assert seen == [Told(snapshot=IDLE)] * 3
        assert desk.looks == looks  # It has gone, and nobody looks for it any more.


async def test_the_socket_is_for_its_owner_alone(spool: Path) -> None:
    before = os.umask(0)
    try:
        async with served(spool):
            modes = [stat.S_IMODE(one.stat().st_mode) for one in (place(spool), spool / "control")]
    finally:
        os.umask(before)

    assert modes == [0o600, 0o700]


async def test_a_folder_that_others_may_enter_is_closed_again(spool: Path) -> None:
    (spool / "control").mkdir()
    (spool / "control").chmod(0o777)

    async with served(spool):
        assert stat.S_IMODE((spool / "control").stat().st_mode) == 0o700


def open_the_way_to(spool: Path) -> None:
    """For everybody, as far as the folders are pytest's own."""
    temporary = Path(tempfile.gettempdir())
    for folder in (spool, *takewhile(lambda folder: folder != temporary, spool.parents)):
        folder.chmod(0o755)


def as_nobody(do: Callable[[], int]) -> int:
    """What `do` gives in a process of another user."""
    child = os.fork()
    if child == 0:
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os._exit(do())
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


needs_root = pytest.mark.xfail(
    os.geteuid() != 0,
    reason="run the tests as root to have this one: it connects as another user, which only root"
    " can become",
    run=False,
    strict=False,
)


@needs_root
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_another_user_cannot_even_connect(spool: Path) -> None:
    def connect() -> int:
        try:
            asked(spool, AskDrain())
        except NotOursError:
            return 1
        except NoAgentError:
            return 2
        return 0

    async with served(spool) as desk:
        open_the_way_to(spool)
        assert await asyncio.to_thread(as_nobody, connect) == 1

    assert desk.done == []


@needs_root
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_another_user_is_refused_though_every_door_stands_open(spool: Path) -> None:
    def connect() -> int:
        with connected(spool) as client:
            try:
                client.sendall(written(AskDrain()))
                answer = read_answer(heard(client))
            except ConnectionError:
                return 1  # Refused before it could ask.
        return 1 if isinstance(answer, Refused) and "only the owner" in answer.reason else 0

    async with served(spool) as desk:
        (spool / "control").chmod(0o755)
        open_the_way_to(spool)
        place(spool).chmod(0o666)
        assert await asyncio.to_thread(as_nobody, connect) == 1

    assert desk.done == []


async def test_the_socket_of_a_dead_agent_is_replaced(spool: Path) -> None:
    (spool / "control").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(place(spool)))
        dead.listen()
    with pytest.raises(NoAgentError):
        asked(spool, AskStatus())

    async with served(spool):
        assert await asyncio.to_thread(asked, spool, AskStatus()) == Told(snapshot=IDLE)


async def test_the_socket_of_a_live_one_is_left_alone(spool: Path) -> None:
    async with served(spool):
        with pytest.raises(SpoolError, match="another agent answers at it"):
            async with served(spool):
                pass

        assert await asyncio.to_thread(asked, spool, AskStatus()) == Told(snapshot=IDLE)


async def test_what_is_no_socket_is_not_touched(spool: Path) -> None:
    (spool / "control").mkdir(mode=0o700)
    place(spool).write_text("mine")

    with pytest.raises(SpoolError, match="is no socket: remove it"):
        async with served(spool):
            pass

    assert place(spool).read_text() == "mine"


async def test_an_end_leaves_no_socket_behind(spool: Path) -> None:
    async with served(spool):
        pass

    assert not place(spool).exists()
    with pytest.raises(NoAgentError, match="no agent runs on the spool"):
        asked(spool, AskStatus())


async def test_a_spool_with_a_very_long_name_has_a_socket_too(spool: Path) -> None:
    deep = spool
    for _ in range(4):
        deep /= "a folder with a name that goes on and on and on"
    deep.mkdir(parents=True, mode=0o700)

    async with served(deep):
        told = await asyncio.to_thread(asked, deep, AskStatus())

    assert told == Told(snapshot=IDLE)


def test_a_short_name_is_the_name_itself(tmp_path: Path) -> None:
    with short_name(tmp_path / "socket") as name:
        assert name == str(tmp_path / "socket")


async def test_a_megabyte_of_garbage_is_refused(spool: Path) -> None:
    def throw() -> bytes:
        with connected(spool) as client:
            with suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(b"x" * 2**20)
            return heard(client)

    async with served(spool):
        said = await asyncio.to_thread(throw)
        assert await asyncio.to_thread(asked, spool, AskStatus()) == Told(snapshot=IDLE)

    assert read_answer(said) == Refused(reason=f"a request has at most {MOST_REQUEST} bytes")


@pytest.mark.parametrize("line", [b"hello\n", b"\x00\xff\n", b'{"version":1,"kind":"no"}\n'])
async def test_nonsense_is_answered_with_a_sentence(spool: Path, line: bytes) -> None:
    def say() -> bytes:
        with connected(spool) as client:
            client.sendall(line)
            return heard(client)

    async with served(spool):
        answer = read_answer(await asyncio.to_thread(say))

    assert isinstance(answer, Refused)


async def test_a_refusal_is_an_error_for_the_verbs(spool: Path) -> None:
    async with served(spool):
        with pytest.raises(ControlRefusedError, match="at most"):
            await asyncio.to_thread(asked, spool, AskWatch(every=0.0001))


@pytest.mark.parametrize("words", [b"", b'{"version":1,'])
async def test_who_says_nothing_or_half_a_line_is_let_go(spool: Path, words: bytes) -> None:
    def wait() -> float:
        began = time.monotonic()
        with connected(spool) as client:
            client.sendall(words)
            heard(client)
        return time.monotonic() - began

    async with served(spool, patience=IMPATIENT) as desk:
        took = await asyncio.to_thread(wait)

    assert IMPATIENT <= took < 5.0
    assert desk.looks == 0


async def test_who_goes_in_the_middle_of_a_line_is_forgotten(spool: Path) -> None:
    async with served(spool) as desk:
        with connected(spool) as client:
            client.sendall(b'{"version":1,')
        assert await asyncio.to_thread(asked, spool, AskStatus()) == Told(snapshot=IDLE)

    assert desk.looks == 1


async def test_who_half_closes_after_asking_is_answered(spool: Path) -> None:
    def ask() -> bytes:
        with connected(spool) as client:
            client.sendall(written(AskStatus()))
            client.shutdown(socket.SHUT_WR)
            return heard(client)

    async with served(spool):
        assert read_answer(await asyncio.to_thread(ask)) == Told(snapshot=IDLE)


async def test_a_watcher_that_reads_nothing_is_let_go(spool: Path) -> None:
    long = replace(BUSY, held=BUSY.held * 500)
    async with served(spool, FakeDesk(long), patience=IMPATIENT) as desk:
        with connected(spool) as client:
            client.sendall(written(AskWatch(every=0.2)))
            before = -1
            while desk.looks != before:
                before = desk.looks
                await asyncio.sleep(IMPATIENT * 2)
        assert await asyncio.to_thread(asked, spool, AskStatus()) == Told(snapshot=long)


async def test_a_hundred_ask_at_once(spool: Path) -> None:
    async with served(spool), asyncio.TaskGroup() as crowd:
        asking = [
            crowd.create_task(asyncio.to_thread(asked, spool, AskStatus())) for _ in range(100)
        ]

    assert [one.result() for one in asking] == [Told(snapshot=IDLE)] * 100


@pytest.fixture
def silent(spool: Path) -> Iterator[Callable[[int], None]]:
    """Connects so many who say nothing."""
    with ExitStack() as open_ones:

        def connect(count: int) -> None:
            for _ in range(count):
                open_ones.enter_context(connected(spool))

        yield connect


async def test_a_silent_crowd_is_bounded_and_goes_away(
    spool: Path, silent: Callable[[int], None]
) -> None:
    async with served(spool, patience=2.0):
        await asyncio.to_thread(silent, MOST_CLIENTS)
        with pytest.raises(ControlRefusedError, match="too many"):
            await asyncio.to_thread(asked, spool, AskStatus())
        await asyncio.sleep(2.5)
        assert await asyncio.to_thread(asked, spool, AskStatus()) == Told(snapshot=IDLE)


async def test_an_agent_that_ends_says_so_to_its_watchers(spool: Path) -> None:
    def watch() -> str:
        try:
            for _ in watched(spool, 0.2):
                pass
        except NoAgentError as error:
            return str(error)
        return ""

    async with served(spool) as desk:
        watching = asyncio.create_task(asyncio.to_thread(watch))
        while not desk.looks:
            await asyncio.sleep(0.01)

    assert "has ended" in await watching


def test_an_agent_that_is_stopped_is_not_waited_for_for_ever(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.edges.control_client.PATIENCE", 0.5)
    (spool / "control").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(place(spool)))
        deaf.listen()
        with pytest.raises(NoAgentError, match=r"has not answered for 0\.5 s"):
            asked(spool, AskStatus())


def test_a_spool_that_is_not_there_has_no_agent(spool: Path) -> None:
    with pytest.raises(NoAgentError, match="--spool"):
        asked(spool / "elsewhere", AskStatus())
