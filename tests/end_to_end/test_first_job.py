import hashlib
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.house import House, wait_until
from tests.speech import say, word_error_rate

pytestmark = pytest.mark.slow

SPOKEN = {
    "shop": "The old man closed the door of his shop and walked slowly down the hill to the river.",
    "train": "Tomorrow morning our train leaves at seven, so please bring water, bread and apples.",
}


def test_a_text_goes_in_and_its_markdown_comes_out(house: House) -> None:
    house.serve()
    house.agent()

    job = house.ended(house.create_job("Grüße aus dem Keller.\n".encode("latin-1"), "gruss.txt"))

    assert job["state"] == "completed", job
    assert "Grüße aus dem Keller." in house.artifact(job["job_id"], "document.md").decode()
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["completed"]


@pytest.mark.parametrize("name", SPOKEN)
def test_speech_goes_in_and_its_words_come_out(
    house: House, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two different texts: a canned transcript would fail one of them."""
    clip = say(SPOKEN[name], house.folder / f"{name}.wav")
    house.serve()
    house.agent()

    done = house.submit(str(clip), "--wait", "--out", str(house.folder / "results"))

    assert done.returncode == 0, done.stderr
    text = next((house.folder / "results").rglob("transcript.txt")).read_text()
    rate = word_error_rate(SPOKEN[name], text)
    with capsys.disabled():
        print(f"\nword error rate of {name}: {rate:.1%} ({text.strip()})")
    assert rate < 0.2


def test_every_artifact_is_what_its_digest_says(house: House) -> None:
    house.serve()
    house.agent()

    job = house.ended(house.create_job(b"one two three\n"))

    lines = job["artifacts"]
    assert {line["name"] for line in lines} >= {"document.md", "text.txt"}
    for line in lines:
        content = house.artifact(job["job_id"], line["name"])
        assert hashlib.sha256(content).hexdigest() == line["sha256"]
        assert len(content) == line["size"]


def test_the_agent_itself_stays_light_and_its_child_stays_warm(house: House) -> None:
    clip = say(SPOKEN["shop"], house.folder / "shop.wav")
    house.serve()
    agent = house.agent()
    first = house.ended(house.create_job(clip.read_bytes(), "shop.wav", content_type="audio"))
    children = {child.pid for child in agent.family()[1:]}

    second = house.ended(house.create_job(clip.read_bytes(), "shop.wav", content_type="audio"))

    assert first["state"] == second["state"] == "completed"
    assert {child.pid for child in agent.family()[1:]} == children
    mapped = Path(f"/proc/{agent.pid}/maps").read_text()
    assert not any(heavy in mapped for heavy in ("ctranslate2", "libtorch", "libav", "numpy"))


def test_the_agent_ends_after_the_wanted_number_of_jobs(house: House) -> None:
    house.serve()
    agent = house.agent("attic", "--max-jobs", "2")
    jobs = [house.create_job(f"number {number}\n".encode()) for number in range(3)]

    code = agent.end()

    assert code == 0
    states = sorted(house.job(job_id)["state"] for job_id in jobs)
    assert states == ["completed", "completed", "queued"]


def test_the_agent_ends_when_it_was_idle_for_long_enough(house: House) -> None:
    house.serve()
    agent = house.agent("attic", "--exit-when-idle", "1")

    assert agent.end() == 0
    assert "idle for 1 s" in agent.said()


def test_nothing_is_left_running(house: House) -> None:
    server = house.serve()
    agent = house.agent()
    house.ended(house.create_job(b"hello\n"))
    family = agent.family()

    agent.process.terminate()
    server.process.terminate()

    assert agent.end() == 0
    assert server.end() == 0
    wait_until(lambda: not any(map(psutil.Process.is_running, family)), "no process left")


def test_the_demo_prints_the_transcript_and_leaves_nothing_behind(house: House) -> None:
    clip = say(SPOKEN["train"], house.folder / "train.wav")

    done = house.run("demo", str(clip), patience=120.0)

    assert done.returncode == 0, done.stderr
    assert "water, bread and apples" in done.stdout
    ours = [p for p in psutil.process_iter(["cmdline"]) if str(clip) in (p.info["cmdline"] or [])]
    assert not ours
