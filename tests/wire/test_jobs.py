import pytest
from pydantic import ValidationError

from agent.wire.jobs import ENDED, QUEUES, JobState, NewJob


@pytest.mark.parametrize("given", [{"size": 0}, {"input_url": "https://files.example/a"}])
def test_a_job_needs_its_input_or_the_place_of_it(given: dict[str, object]) -> None:
    job = NewJob.model_validate({"content_type": "audio", "filename": "a.mp3", **given})

    assert (job.size is None) != (job.input_url is None)


def test_a_job_without_an_input_is_none() -> None:
    with pytest.raises(ValidationError, match="one of size and input_url is required"):
        NewJob(content_type="audio", filename="a.mp3")


@pytest.mark.parametrize("name", ["", ".a", "a/b", "a b", "a" * 129])
def test_a_content_type_is_a_name(name: str) -> None:
    with pytest.raises(ValidationError, match="content_type"):
        NewJob(content_type=name, filename="a.mp3", size=1)


def test_what_a_job_leaves_out_has_the_defaults_of_the_protocol() -> None:
    job = NewJob(content_type="audio", filename="a.mp3", size=1)

    assert (job.queue, job.priority, job.max_attempts) == ("gpu_fallback", 0, 3)


def test_the_queues_are_served_in_their_order() -> None:
    assert QUEUES == ("gpu_priority", "gpu_fallback", "cpu_standard")


def test_three_states_are_ends() -> None:
    assert {JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED} == ENDED
