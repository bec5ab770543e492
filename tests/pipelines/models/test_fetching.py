"""Downloads from a hub on loopback that cuts, lies, refuses and ignores."""

import errno
import fcntl
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.model.ids import Bytes
from agent.model.work import PipelineSettings, Returned
from agent.pipelines.errors import EngineUnavailableError, as_outcome
from agent.pipelines.models.catalogue import CATALOGUE, Hub
from agent.pipelines.models.choice import EngineName, find_model
from agent.pipelines.models.digests import RECORD
from agent.pipelines.models.fetching import (
    DigestError,
    FetchForbiddenError,
    Step,
    fetch,
    fetch_for_job,
)
from agent.pipelines.models.hub import HubCutError, HubError, HubSite
from agent.pipelines.models.inventory import State, copies, verified
from agent.pipelines.models.search import Form, Model
from tests.pipelines.models.fake_hub import FakeHub

NAME = "small.en"
"""One of which the catalogue does not know the weights' digest beforehand."""


@pytest.fixture
def settings(tmp_path: Path) -> PipelineSettings:
    return PipelineSettings(model=NAME, models_folder=str(tmp_path / "models"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def bring(hub: FakeHub, settings: PipelineSettings, name: str = NAME) -> Path:
    return fetch(name, settings, ignore, HubSite(hub.url), pause=ignore)


def ignore(_anything: object) -> None:
    pass


def test_a_fetched_model_is_the_one_that_is_found_from_then_on(
    hub: FakeHub, settings: PipelineSettings
) -> None:
    folder = bring(hub, settings)

    assert (folder / "model.bin").read_bytes() == hub.files["model.bin"]
    assert (folder / "vocabulary.txt").exists()
    assert not (folder / "README.md").exists()
    found = find_model(settings, EngineName.FASTER_WHISPER, "cpu")
    assert found == Model(NAME, folder, Form.CTRANSLATE2)


def test_nothing_unfinished_is_left_beside_it(
    hub: FakeHub, settings: PipelineSettings, models: Path
) -> None:
    bring(hub, settings)

    assert {path.name for path in models.iterdir()} == {NAME, f".{NAME}.lock"}


def test_a_model_that_is_there_is_not_asked_for_again(
    hub: FakeHub, settings: PipelineSettings
) -> None:
    bring(hub, settings)
    asked = len(hub.requests)

    bring(hub, settings)

    assert len(hub.requests) == asked


def test_progress_goes_forward_to_the_end(hub: FakeHub, settings: PipelineSettings) -> None:
    steps: list[Step] = []

    fetch(NAME, settings, steps.append, HubSite(hub.url))

    done = [step.done for step in steps]
    assert done == sorted(done)
    assert done[-1] == steps[-1].total == sum(map(len, hub.files.values())) - len("# not wanted")
    assert str(steps[-1]) == f"downloading {NAME}, 100 %"


def test_a_cut_download_goes_on_where_it_broke(hub: FakeHub, settings: PipelineSettings) -> None:
    hub.cuts = [1_000_000, 2_000_000]

    folder = bring(hub, settings)

    assert (folder / "model.bin").read_bytes() == hub.files["model.bin"]
    assert hub.ranges == [None, "bytes=1000000-", "bytes=3000000-"]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(
    hub: FakeHub, settings: PipelineSettings, models: Path
) -> None:
    hub.cuts = [1_000_000, 0, 0, 0, 0, 0]
    with pytest.raises(HubCutError, match=r"ended the download of model\.bin too early"):
        bring(hub, settings)
    assert not (models / NAME).exists()
    hub.requests.clear()

    bring(hub, settings)

    assert hub.ranges == ["bytes=1000000-"]
    assert [path for path, _ in hub.requests if path.endswith("config.json")] == []


def test_a_hub_that_knows_no_ranges_is_begun_again_with(
    hub: FakeHub, settings: PipelineSettings
) -> None:
    hub.knows_ranges = False
    hub.cuts = [1_000_000]

    folder = bring(hub, settings)

    assert (folder / "model.bin").read_bytes() == hub.files["model.bin"]


def test_a_redirect_keeps_the_range(hub: FakeHub, settings: PipelineSettings) -> None:
    hub.redirects = True
    hub.cuts = [1_000_000]

    bring(hub, settings)

    assert [wanted for path, wanted in hub.requests if path.startswith("/cdn/")].count(
        "bytes=1000000-"
    )


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_what_is_not_what_was_promised_is_thrown_away(
    hub: FakeHub, settings: PipelineSettings, models: Path, name: str
) -> None:
    right = hub.files[name]
    hub.promised[name] = right
    hub.files[name] = right[:-1] + b"!"
    with pytest.raises(DigestError, match=rf"{name}\.part is damaged: its .* should be"):
        bring(hub, settings)
    assert not (models / NAME).exists()
    hub.files[name] = right

    assert (bring(hub, settings) / name).read_bytes() == right


def test_a_hub_that_sends_more_than_it_promised_does_not_fill_the_disk(
    hub: FakeHub, settings: PipelineSettings, models: Path
) -> None:
    hub.promised["model.bin"] = b"x" * 1000

    with pytest.raises(DigestError):
        bring(hub, settings)

    assert sum(path.stat().st_size for path in models.rglob("*") if path.is_file()) < 10_000


def test_other_weights_than_those_we_know_are_refused_before_they_are_loaded(
    hub: FakeHub, settings: PipelineSettings
) -> None:
    with pytest.raises(DigestError, match="other weights of base than we know"):
        bring(hub, settings, "base")

    assert hub.ranges == []


def test_a_model_that_has_no_room_is_refused_before_the_first_byte(
    hub: FakeHub, settings: PipelineSettings
) -> None:
    hub.listing = hub.listed().replace(b'"size": 5120000', b'"size": 900000000000000')

    with pytest.raises(OSError, match="900000200 MB are needed") as caught:
        bring(hub, settings)

    assert caught.value.errno == errno.ENOSPC
    assert hub.ranges == []


def test_a_disk_that_fills_up_on_the_way_keeps_what_has_come(
    hub: FakeHub, settings: PipelineSettings, models: Path
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agent.pipelines.models.fetching.os.fsync", full)
        with pytest.raises(OSError, match="No space left") as caught:
            bring(hub, settings)
    assert as_outcome(caught.value) == Returned("disk_full: No space left on device")
    assert not (models / NAME).exists()
    asked = len(hub.requests)

    bring(hub, settings)

    paths = [path.rpartition("/")[2] for path, _ in hub.requests[asked:]]
    assert paths[1:] == ["tokenizer.json", "vocabulary.txt", "model.bin"]


@pytest.mark.parametrize("how", ["setting", "variable"])
def test_offline_never_tries(
    hub: FakeHub, settings: PipelineSettings, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"model": NAME, "models_folder": settings.models_folder, "allow_download": True}
    wanted = PipelineSettings(**fields, offline=how == "setting")  # type: ignore[arg-type]
    if how == "variable":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    with pytest.raises(FetchForbiddenError, match="set offline"):
        bring(hub, wanted)
    with pytest.raises(EngineUnavailableError, match="is not on this machine"):
        find_model(wanted, EngineName.FASTER_WHISPER, "cpu")

    assert hub.requests == []


def test_a_job_fetches_nothing_that_the_owner_does_not_allow(settings: PipelineSettings) -> None:
    with pytest.raises(FetchForbiddenError, match=rf"agent models fetch {NAME}`"):
        fetch_for_job(NAME, settings, ignore)


def test_a_job_fetches_from_the_mirror_that_the_variable_names(
    hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    allowed = PipelineSettings(models_folder=str(models), allow_download=True)

    assert fetch_for_job(NAME, allowed, ignore) == models / NAME


def test_without_a_folder_of_the_owners_models_go_to_the_users_cache(
    hub: FakeHub, bare_home: Path
) -> None:
    folder = bring(hub, PipelineSettings())

    assert folder == bare_home / ".cache" / "morag-agent" / "models" / NAME
    assert find_model(PipelineSettings(model=NAME), EngineName.FASTER_WHISPER, "cpu") is not None


def test_a_busy_hub_is_asked_again(hub: FakeHub, settings: PipelineSettings) -> None:
    hub.refusals = [503, 429]

    assert bring(hub, settings).is_dir()


def test_a_hub_that_refuses_is_not_asked_again(hub: FakeHub, settings: PipelineSettings) -> None:
    hub.refusals = [404]

    with pytest.raises(HubError, match="answers 404"):
        bring(hub, settings)

    assert len(hub.requests) == 1


@pytest.mark.parametrize(
    "listing", [b"<html>", b"[]", b'{"siblings": [{"rfilename": "config.json"}]}']
)
def test_what_is_no_hub_is_told_so(
    hub: FakeHub, settings: PipelineSettings, listing: bytes
) -> None:
    hub.listing = listing

    with pytest.raises(HubError, match="does not answer as a model hub does"):
        bring(hub, settings)


def test_a_repository_that_lacks_a_file_is_told_so(
    hub: FakeHub, settings: PipelineSettings
) -> None:
    del hub.files["tokenizer.json"]

    with pytest.raises(HubError, match=r"lacks tokenizer\.json"):
        bring(hub, settings)


def test_a_listing_cannot_lead_out_of_the_folder(
    hub: FakeHub, settings: PipelineSettings, tmp_path: Path
) -> None:
    hub.files["vocabulary.json"] = b"{}"
    hub.listed_as["vocabulary.json"] = "../../vocabulary.json"

    bring(hub, settings)

    assert list(tmp_path.rglob("vocabulary.json")) == []


def test_nobody_listening_is_a_failure_that_may_pass(settings: PipelineSettings) -> None:
    with pytest.raises(HubCutError, match="cannot be reached"):
        fetch(NAME, settings, ignore, HubSite("http://127.0.0.1:9"), pause=ignore)


def test_a_proxy_is_gone_through(
    hub: FakeHub, settings: PipelineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", hub.url)

    folder = fetch(NAME, settings, ignore, HubSite("http://hub.invalid"), pause=ignore)

    assert (folder / "model.bin").exists()


def test_an_address_that_is_no_web_address_is_refused() -> None:
    with pytest.raises(HubError, match="no http address"):
        HubSite("file:///etc")


def test_a_name_that_cannot_be_fetched_is_told_with_those_that_can(
    hub: FakeHub, settings: PipelineSettings
) -> None:
    with pytest.raises(EngineUnavailableError, match=r"'huge' can be fetched; there are tiny\.en"):
        bring(hub, settings, "huge")


def test_the_owners_own_work_is_never_removed(
    hub: FakeHub, settings: PipelineSettings, models: Path
) -> None:
    (models / NAME).mkdir(parents=True)
    (models / NAME / "notes.txt").write_text("mine")

    with pytest.raises(HubError, match="is in the way"):
        bring(hub, settings)

    assert (models / NAME / "notes.txt").read_text() == "mine"


def test_a_second_process_waits_for_the_first_and_says_so(
    hub: FakeHub, settings: PipelineSettings, models: Path
) -> None:
    models.mkdir()
    steps: list[Step] = []
    with (models / f".{NAME}.lock").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        def first_is_done(_seconds: float) -> None:
            fcntl.flock(other, fcntl.LOCK_UN)

        fetch(NAME, settings, steps.append, HubSite(hub.url), pause=first_is_done)

    assert str(steps[0]) == f"waiting for the download of {NAME}"
    assert (models / NAME / "model.bin").exists()


def spoil(folder: Path) -> None:
    with (folder / "model.bin").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"!")


def shorten(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"")


def lose(folder: Path) -> None:
    (folder / "vocabulary.txt").unlink()


def garble_record(folder: Path) -> None:
    (folder / RECORD).write_text("[]")


@pytest.mark.parametrize("harm", [spoil, shorten, lose, garble_record])
def test_whatever_a_disk_loses_of_a_fetched_model_is_found(
    hub: FakeHub, settings: PipelineSettings, harm: Callable[[Path], None]
) -> None:
    folder = bring(hub, settings)
    (copy,) = copies(CATALOGUE[NAME], settings.models_folder)
    assert verified(copy).state is State.WHOLE

    harm(folder)

    verdict = verified(copy)
    assert verdict.state is State.DAMAGED
    assert str(folder) in verdict.flaws[0]


def test_the_record_says_where_a_model_is_from(hub: FakeHub, settings: PipelineSettings) -> None:
    record = json.loads((bring(hub, settings) / RECORD).read_text())

    source = CATALOGUE[NAME].hub
    assert source == Hub(record["repository"], record["revision"])
    assert sorted(record["sha256"]) == sorted({*hub.files} - {"README.md"})


def test_what_is_known_beforehand_is_a_digest_and_a_commit() -> None:
    hubs = [entry.hub for entry in CATALOGUE.values() if entry.hub]

    assert all(len(hub.revision) == 40 for hub in hubs)
    assert {len(hub.weights) for hub in hubs if hub.weights} == {64}
    assert all(entry.size > Bytes(1_000_000) for entry in CATALOGUE.values())
