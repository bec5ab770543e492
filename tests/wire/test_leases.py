import pytest
from pydantic import ValidationError

from agent.model.artifact import ARTIFACT_NAME
from agent.model.lease import LeaseState, Stage
from agent.wire.leases import Complete, Fail, ManifestLine, Renew, Renewed

DIGEST = "0" * 64


@pytest.mark.parametrize("progress", [-0.1, 1.1, float("nan"), float("inf")])
def test_progress_is_a_share(progress: float) -> None:
    with pytest.raises(ValidationError, match="progress"):
        Renew(stage=Stage.PROCESSING, progress=progress)


def test_a_renewal_without_a_state_is_well() -> None:
    told = Renewed.model_validate_json('{"ttl_s": 90, "renew_in_s": 30}')

    assert told.state is LeaseState.OK


@pytest.mark.parametrize("field", ["ttl_s", "renew_in_s"])
def test_a_renewal_tells_both_its_times(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        Renewed.model_validate_json('{"ttl_s": 90, "renew_in_s": 30}'.replace(field, "other"))


@pytest.mark.parametrize("time", ["-1", "1e999", '"soon"'])
def test_times_are_finite_and_never_in_the_past(time: str) -> None:
    with pytest.raises(ValidationError, match="ttl_s"):
        Renewed.model_validate_json(f'{{"ttl_s": {time}, "renew_in_s": 30}}')


def test_a_failure_has_a_code_of_the_protocol() -> None:
    with pytest.raises(ValidationError, match="code"):
        Fail.model_validate_json('{"code": "bad_mood"}')


@pytest.mark.parametrize("digest", ["A" * 64, "0" * 63, "0" * 65, "g" * 64, ""])
def test_digests_are_lower_case_hex(digest: str) -> None:
    with pytest.raises(ValidationError, match="sha256"):
        ManifestLine(name="a.md", media_type="text/markdown", size=0, sha256=digest)


@pytest.mark.parametrize("name", ["transcript.md", "pages/1.md", "../a", "a/b/c", ".a", "", "a\n"])
def test_a_manifest_allows_the_names_that_the_model_allows(name: str) -> None:
    try:
        ManifestLine(name=name, media_type="text/markdown", size=0, sha256=DIGEST)
    except ValidationError:
        is_allowed = False
    else:
        is_allowed = True

    assert is_allowed == bool(ARTIFACT_NAME.fullmatch(name))


def test_a_result_may_have_no_artifact() -> None:
    assert Complete.model_validate_json('{"manifest": []}').manifest == ()
