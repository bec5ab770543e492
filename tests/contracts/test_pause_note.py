"""What every note of the owner's pause keeps."""

from pathlib import Path

import pytest

from agent.edges.pause_note import DiskPauseNote
from agent.model.ids import Instant, Seconds
from agent.model.pause import Pause, Reading
from agent.ports import PauseNote
from tests.fakes.pause_note import FakePauseNote

BEGAN = Reading(steady=Instant(14040.812246561), wall=1795821851.0245085, boot="one")
PAUSES = [
    Pause(began=BEGAN),
    Pause(began=BEGAN, lasts=Seconds(7200.0), free_gpu=True),
    Pause(began=BEGAN, until=BEGAN.wall + 60.5),
]

pytestmark = pytest.mark.real_time


@pytest.fixture(params=["fake", "disk"])
def note(request: pytest.FixtureRequest, tmp_path: Path) -> PauseNote:
    return FakePauseNote() if request.param == "fake" else DiskPauseNote(tmp_path)


async def test_nothing_was_written_at_first(note: PauseNote) -> None:
    assert note.read() is None


@pytest.mark.parametrize("pause", PAUSES)
async def test_what_is_written_is_read(note: PauseNote, pause: Pause) -> None:
    await note.write(PAUSES[0])
    await note.write(pause)

    assert note.read() == pause


async def test_an_ended_pause_leaves_nothing(note: PauseNote) -> None:
    await note.write(PAUSES[1])
    await note.write(None)
    await note.write(None)

    assert note.read() is None
