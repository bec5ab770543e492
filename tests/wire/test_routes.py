import pytest

from agent.wire import routes


def test_a_route_is_filled_with_its_names() -> None:
    assert routes.fill(routes.RENEW, lease_id="l1") == "/v1/leases/l1/renew"


@pytest.mark.parametrize("name", ["../agents", "a/b", "a?b", "a#b", "a b", "ü", "%2e"])
def test_a_name_stays_one_segment(name: str) -> None:
    path = routes.fill(routes.RELEASE, lease_id=name)

    assert path.count("/") == 4
    assert not set(path) & set("?# ü")
    assert path.isascii()


def test_a_percent_sign_is_quoted_too() -> None:
    assert routes.fill(routes.JOB, job_id="%2F") == "/v1/jobs/%252F"


def test_an_artifact_of_a_job_has_a_place_for_its_whole_name() -> None:
    path = routes.fill(routes.JOB_ARTIFACT, job_id="j1", name="a.md")

    assert path == "/v1/jobs/j1/artifacts/a.md"
