import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.failures import FailureCode
from agent.model.ids import JobId
from agent.model.work import (
    MAX_FRAME,
    BadFrameError,
    Failed,
    FromChild,
    PipelineSettings,
    Produced,
    Progress,
    Ready,
    Task,
    ToChild,
    decode,
    encode,
)

TASK = Task(
    job_id=JobId("job-1"),
    content_type="audio",
    input="/spool/in\udcff",
    filename="Straße\n\U0001f3a4.mp3",
    media_type=None,
    output="/spool/out",
    options={"language": "de", "deep": [{"x": None}]},
)


@pytest.mark.parametrize(
    "frame",
    [
        PipelineSettings(threads=4, models_folder="/models"),
        TASK,
        Ready(("audio", "text")),
        Progress(0.25, "transcribing"),
        Produced((("transcript.md", "text/markdown"), ("pages/1.png", "image/png")), {"n": 1}),
        Failed(FailureCode.TOO_LARGE, "over the limit", "detail"),
    ],
)
def test_every_frame_survives_the_pipe_on_one_line(frame: FromChild | ToChild) -> None:
    line = encode(frame)

    assert line.count(b"\n") == 1
    assert decode(line) == frame


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"hello\n",
        b"\xff\xfe\n",
        b"[]\n",
        b"{}\n",
        b'{"ready": {"content_types": []}, "progress": {}}\n',
        b'{"unknown": {}}\n',
        b'{"ready": []}\n',
        b'{"ready": {"content_types": 3}}\n',
        b'{"progress": {"fraction": "x", "message": ""}}\n',
        b'{"progress": {"fraction": ' + b"9" * 400 + b', "message": ""}}\n',
        b'{"progress": {"fraction": 0.1, "message": "", "more": 1}}\n',
        b'{"failed": {"code": "no_such_code", "message": ""}}\n',
        b'{"produced": {"artifacts": [["a.md"]], "summary": {}}}\n',
        b'{"produced": {"artifacts": [], "summary": []}}\n',
        b'{"produced": {"artifacts": [], "summary": {"x": NaN}}}\n',
        b'{"produced": {"artifacts": [], "summary": {"x": "\\ud800"}}}\n',
        b'{"ready": ' + b"[" * 100_000 + b"\n",
    ],
)
def test_anything_else_is_a_bad_frame(line: bytes) -> None:
    with pytest.raises(BadFrameError):
        decode(line)


@pytest.mark.parametrize("name", ["../up", "/abs", "a/b/c", ".hidden", "a\n", "", "a/../b"])
def test_no_artifact_can_be_named_out_of_its_folder(name: str) -> None:
    with pytest.raises(BadFrameError):
        decode(encode(Produced(((name, "text/plain"),), {})))


def test_what_a_child_says_is_valid_unicode() -> None:
    frame = decode(b'{"failed": {"code": "internal", "message": "\\ud800", "detail": "\\udfff"}}')

    assert frame == Failed(FailureCode.INTERNAL, "?", "?")


@given(st.floats())
def test_a_fraction_is_a_fraction(fraction: float) -> None:
    line = json.dumps({"progress": asdict(Progress(fraction, ""))}).encode()

    frame = decode(line)

    assert isinstance(frame, Progress)
    assert 0 <= frame.fraction <= 1


def test_a_frame_over_the_limit_is_refused_where_it_is_made() -> None:
    with pytest.raises(BadFrameError, match="over the limit"):
        encode(Progress(0.5, "x" * MAX_FRAME))
