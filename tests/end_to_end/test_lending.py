"""A box that is lent on terms, as its owner sees it."""

import json
import signal
import time

from tests.end_to_end.house import House

TEXT = b"a few words of text\n" * 20_000


def test_an_input_comes_no_faster_than_the_owner_allows_and_is_counted(house: House) -> None:
    house.serve()
    agent = house.agent("attic", "--max-download", "200 KB/s", "--quota-daily", "1 GB")
    before = time.monotonic()

    job_id = house.create_job(TEXT)
    assert house.ended(job_id)["state"] == "completed"

    assert time.monotonic() - before > 0.8 * len(TEXT) / 200_000
    agent.send(signal.SIGTERM)
    assert agent.end() == 0
    note = json.loads((house.folder / "spool-attic" / "traffic.json").read_text())
    assert note["today"]["down"] == len(TEXT)
    assert note["today"]["up"] > len(TEXT)


def test_outside_the_network_hours_no_input_is_fetched(house: House) -> None:
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(time.gmtime().tm_wday + 3) % 7]
    house.serve()
    words = ("--network-hours", f"{day} all day", "--timezone", "UTC")
    agent = house.agent("attic", *words)
    agent.wait_for("agent.idle")

    house.create_job(TEXT)
    time.sleep(3)

    agent.send(signal.SIGTERM)
    assert agent.end() == 0
    assert not (house.folder / "spool-attic" / "traffic.json").exists()
