import asyncio
import json

import httpx
import pytest
import respx

from agent.edges.http import Connection
from agent.edges.manner import KeyForm, Manner
from agent.edges.morag.calls import MoragCalls
from agent.edges.morag.problems import refusal
from agent.model.claim import JobStatus, Outcome
from agent.model.errors import (
    AskedTooOftenError,
    CredentialsRefusedError,
    LeaseLostError,
    RequestRefusedError,
    ServerError,
    ServerUnavailableError,
)
from agent.model.ids import AgentId, JobId, Seconds
from agent.ports import InDoubt, NotTaken, Taken
from tests.fakes.raw_http import Reply, raw_server
from tests.server.sockets import free_port

SERVER = "https://morag.example"
JOBS = f"{SERVER}/api/v1/remote-jobs"
J1 = JobId("j1")
DONE = Outcome(content="# A", metadata={"language": "de"}, spent=Seconds(1.5))
LONG = Seconds(60.0)
NOBODY = {"job_id": None, "source_file_url": None, "content_type": None, "task_options": None}


def calls(url: str = SERVER, key: str | None = "k", form: KeyForm = "bearer") -> MoragCalls:
    manner = Manner(key_form=form, refusal=refusal)
    return MoragCalls(Connection(url, key, manner=manner), AgentId("attic"))


@respx.mock
async def test_one_job_is_asked_for_and_never_more() -> None:
    route = respx.get(f"{JOBS}/poll").respond(json=NOBODY)

    assert await calls().claim(["audio", "video"]) is None

    asked = route.calls.last.request.url.params
    assert dict(asked) == {
        "worker_id": "attic",
        "content_types": "audio,video",
        "max_jobs": "1",
    }


@respx.mock
async def test_a_job_is_told_whole() -> None:
    told = {"job_id": "j1", "source_file_url": "/x", "content_type": "audio", "task_options": None}
    respx.get(f"{JOBS}/poll").respond(json=told)

    job = await calls().claim(["audio"])

    assert job is not None
    assert (job.job_id, job.url, job.content_type, job.task_options) == ("j1", "/x", "audio", {})


@respx.mock
async def test_the_secrets_of_a_job_are_not_in_its_printed_form() -> None:
    options = {"webhook_auth_token": "s3cret"}
    told = {"job_id": "j1", "source_file_url": "/x", "content_type": "audio"}
    respx.get(f"{JOBS}/poll").respond(json={**told, "task_options": options})

    assert "s3cret" not in repr(await calls().claim(["audio"]))


@respx.mock
async def test_a_server_below_a_path_is_called_there() -> None:
    route = respx.get(f"{SERVER}/rag/api/v1/remote-jobs/j1/status").respond(
        json={"job_id": "j1", "status": "processing", "created_at": "2026-01-01T00:00:00"}
    )

    assert await calls(f"{SERVER}/rag").status(J1) is JobStatus.PROCESSING
    assert route.called


@respx.mock
@pytest.mark.parametrize(
    ("form", "header", "value"),
    [
        ("bearer", "Authorization", "Bearer k"),
        ("api-key", "Authorization", "ApiKey k"),
        ("x-api-key", "X-API-Key", "k"),
    ],
)
async def test_the_key_is_sent_in_the_form_that_the_owner_names(
    form: KeyForm, header: str, value: str
) -> None:
    route = respx.get(f"{JOBS}/poll").respond(json=NOBODY)

    await calls(form=form).claim(["audio"])

    assert route.calls.last.request.headers[header] == value


@respx.mock
async def test_a_server_that_wants_no_key_gets_none() -> None:
    route = respx.get(f"{JOBS}/poll").respond(json=NOBODY)

    await calls(key=None).claim(["audio"])

    assert not {"authorization", "x-api-key"} & set(route.calls.last.request.headers)


@respx.mock
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(404, json={"detail": "Job not found"}), LeaseLostError),
        (httpx.Response(404, json={"detail": "Not Found"}), ServerUnavailableError),
        (httpx.Response(404, text="nginx"), ServerUnavailableError),
        (httpx.Response(401, json={"detail": "no"}), CredentialsRefusedError),
        (httpx.Response(403, json={"detail": "no"}), CredentialsRefusedError),
        (httpx.Response(422, json={"detail": [{"msg": "bad"}]}), RequestRefusedError),
        (httpx.Response(429), AskedTooOftenError),
        (httpx.Response(500, text="oops"), ServerUnavailableError),
        (httpx.Response(200, text="<html>"), ServerUnavailableError),
    ],
)
async def test_what_an_answer_means(answer: httpx.Response, error: type[ServerError]) -> None:
    respx.get(f"{JOBS}/j1/status").mock(return_value=answer)

    with pytest.raises(error) as raised:
        await calls().status(J1)

    assert type(raised.value) is error


@respx.mock
async def test_where_the_part_is_not_mounted_the_sentence_says_so() -> None:
    respx.get(f"{JOBS}/j1/status").respond(404, json={"detail": "Not Found"})

    with pytest.raises(ServerUnavailableError, match="remote jobs"):
        await calls().status(J1)


@respx.mock
@pytest.mark.parametrize(
    ("status", "length", "disposition", "name", "size"),
    [
        (206, "0-0/777", 'attachment; filename="a.mp3"', "a.mp3", 777),
        (200, "5", "attachment; filename*=utf-8''%C3%A4.ogg", "ä.ogg", 5),
        (416, "*/0", "inline", None, 0),
        (200, "5", "", None, 5),
        (206, "0-0/9", 'x; filename="../../etc/a.txt"', "a.txt", 9),
        (206, "0-0/9", 'x; filename="C:\\u\\a.txt"', "a.txt", 9),
        (206, "0-0/*", 'x; filename=".."', None, None),
    ],
)
async def test_name_and_size_are_read_off_the_head_of_a_download(
    status: int, length: str, disposition: str, name: str | None, size: int | None
) -> None:
    content = b"x" * int(length) if status == 200 else b"x"
    headers = {"content-disposition": disposition}
    if status != 200:
        headers["content-range"] = f"bytes {length}"
    respx.get(f"{JOBS}/j1/download").respond(status, headers=headers, content=content)

    sight = await calls().look("/api/v1/remote-jobs/j1/download")

    assert (sight.filename, sight.size) == (name, size)


@respx.mock
async def test_a_result_says_all_that_the_server_wants_to_know() -> None:
    route = respx.put(f"{JOBS}/j1/result").respond(
        json={"status": "completed", "ingestion_continued": True}
    )

    sent = await calls().send(J1, DONE, LONG)

    assert sent == Taken(JobStatus.COMPLETED, was_ingested=True)
    assert json.loads(route.calls.last.request.content) == {
        "success": True,
        "content": "# A",
        "metadata": {"language": "de"},
        "processing_time": 1.5,
    }


@respx.mock
async def test_half_characters_do_not_stop_a_result() -> None:
    route = respx.put(f"{JOBS}/j1/result").respond(json={"status": "completed"})

    await calls().send(J1, Outcome(content="a\ud800b"), LONG)

    assert json.loads(route.calls.last.request.content)["content"] == "a?b"


@respx.mock
@pytest.mark.parametrize(
    ("status", "is_doubtful"),
    [
        *((status, False) for status in (401, 413, 422, 429, 500, 503)),
        *((status, True) for status in (408, 502, 504)),
    ],
)
async def test_who_answers_with_an_error_may_have_passed_the_result_on(
    status: int, is_doubtful: bool
) -> None:
    respx.put(f"{JOBS}/j1/result").respond(status, json={"detail": "no"})

    sent = await calls().send(J1, DONE, LONG)

    assert isinstance(sent, InDoubt if is_doubtful else NotTaken)


@respx.mock
async def test_a_result_too_large_for_a_proxy_says_what_to_change() -> None:
    respx.put(f"{JOBS}/j1/result").respond(413)

    sent = await calls().send(J1, DONE, LONG)

    assert isinstance(sent, NotTaken)
    assert "client_max_body_size" in str(sent.error)


@pytest.mark.real_time
async def test_a_server_that_cannot_be_reached_has_nothing() -> None:
    assert isinstance(await calls(f"http://127.0.0.1:{free_port()}").send(J1, DONE, LONG), NotTaken)


@pytest.mark.real_time
async def test_a_result_whose_answer_is_cut_off_is_in_doubt() -> None:
    async with raw_server(Reply(body=b"{}", cut_after=1)) as raw:
        assert isinstance(await calls(raw.url).send(J1, DONE, LONG), InDoubt)


@pytest.mark.real_time
async def test_a_result_that_nobody_answers_in_time_is_in_doubt() -> None:
    async with raw_server(Reply(body=b"{}", stall_after=1)) as raw:
        assert isinstance(await calls(raw.url).send(J1, DONE, Seconds(0.5)), InDoubt)


@pytest.mark.real_time
async def test_a_result_that_breaks_off_on_its_way_was_not_taken() -> None:
    large = Outcome(content="x" * 50_000_000)

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert isinstance(await calls(url).send(J1, large, LONG), NotTaken)
