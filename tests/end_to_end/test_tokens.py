"""Tokens that are made and revoked beside a running server."""

import time

import httpx
import pytest

from tests.end_to_end.house import House

pytestmark = pytest.mark.slow

SEEN_WITHIN = 1.0
"""Seconds."""


def says_hello(house: House, agent: str, token: str) -> int:
    body = {"boot_id": agent, "capability": "cpu", "content_types": ["text"], "slots": 1}
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.put(
        f"{house.server_url}/v1/agents/{agent}", json=body, headers=headers, trust_env=False
    ).status_code


def test_tokens_that_come_one_after_the_other_are_all_seen(house: House) -> None:
    """Each is made by a process of its own, which must not touch what the server has open."""
    house.serve()
    job_id = house.create_job(b"written before the tokens\n")

    for number in range(4):
        name = f"agent-{number}"
        token = house.token(name, "--agent", name).read_text().strip()
        time.sleep(SEEN_WITHIN)
        assert says_hello(house, name, token) == 200

    assert house.job(job_id)["state"] == "queued"


def test_a_server_that_restarts_knows_every_job_and_token(house: House) -> None:
    server = house.serve()
    port = int(house.server_url.rsplit(":", 1)[1])
    token = house.token("attic", "--agent", "attic").read_text().strip()
    jobs = [house.create_job(b"kept\n") for _ in range(3)]
    house.token("cellar", "--agent", "cellar")
    server.process.kill()
    server.end()

    house.serve(port=port)

    assert [house.job(job_id)["state"] for job_id in jobs] == ["queued"] * 3
    assert says_hello(house, "attic", token) == 200
