import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.edges.control_words import NonsenseError, read_answer, read_request, written
from agent.model.control import (
    Answer,
    AskDrain,
    AskPause,
    AskResume,
    AskStatus,
    AskWatch,
    Done,
    Refused,
    Request,
    Told,
)
from tests.snapshots import BUSY, IDLE


@pytest.mark.parametrize(
    "request_",
    [
        AskStatus(),
        AskWatch(every=1.0),
        AskPause(),
        AskPause(lasts=60.0, free_gpu=True),
        AskPause(until=2e9),
        AskResume(),
        AskDrain(),
    ],
)
def test_a_request_is_read_as_it_was_meant(request_: Request) -> None:
    assert read_request(written(request_)) == request_


@pytest.mark.parametrize(
    "answer",
    [Told(snapshot=BUSY), Done(snapshot=IDLE, caveat="no room"), Refused(reason="not now")],
)
def test_an_answer_is_read_as_it_was_meant(answer: Answer) -> None:
    assert read_answer(written(answer)) == answer


def test_a_line_is_one_line_whatever_a_job_is_called() -> None:
    wild = replace(BUSY, held=(replace(BUSY.held[0], filename="a\nb\u2028.mp3"),))

    assert written(Told(snapshot=wild)).count(b"\n") == 1


def test_a_field_that_a_later_version_adds_is_passed_over() -> None:
    line = json.loads(written(Told(snapshot=IDLE)))
    line["snapshot"]["mood"] = "good"

    assert read_answer(json.dumps(line).encode()) == Told(snapshot=IDLE)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello\n",
        b"[]\n",
        b'"status"\n',
        b"[" * 10_000,
        b'{"kind":"status"}\n',
        b'{"version":2,"kind":"status"}\n',
        b'{"version":1}\n',
        b'{"version":1,"kind":"reboot"}\n',
        b'{"version":1,"kind":"watch"}\n',
        b'{"version":1,"kind":"watch","every":0.0}\n',
        b'{"version":1,"kind":"watch","every":NaN}\n',
        b'{"version":1,"kind":"pause","lasts":-1}\n',
        b'{"version":1,"kind":"pause","lasts":1e300}\n',
        b'{"version":1,"kind":"pause","lasts":60,"until":2e9}\n',
        b'{"version":1,"kind":"pause","until":Infinity}\n',
        b"\xff\xfe\n",
    ],
)
def test_nonsense_is_refused_in_words(line: bytes) -> None:
    with pytest.raises(NonsenseError) as refusal:
        read_request(line)

    assert str(refusal.value)


@given(st.binary(max_size=200))
def test_no_bytes_whatever_do_more_than_be_refused(line: bytes) -> None:
    with pytest.raises(NonsenseError):
        read_request(line)
    with pytest.raises(NonsenseError):
        read_answer(line)


def test_another_version_says_what_to_do() -> None:
    with pytest.raises(NonsenseError, match="start the agent again after an update"):
        read_answer(b'{"version":7,"kind":"told"}\n')
