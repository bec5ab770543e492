import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from agent.edges import journal
from agent.edges.journal import MisfitError, Opened, Record, load_record, save_record
from agent.model.artifact import Artifact
from agent.model.held import Finished, Journal
from agent.model.ids import Bytes, Digest, JsonObject, Seconds
from tests.edges.server import an_offer

SHA = Digest("a" * 64)
SECRET = "hf_verysecret"  # noqa: S105 - opens nothing
OFFER = replace(
    an_offer("ü/\x00"),
    options=MappingProxyType({"token": SECRET, "deep": [[{"a": None}], 1, 1.5, True]}),
    timeout=Seconds(7200.0),
    input=replace(an_offer().input, sha256=SHA, etag='"v1"', media_type="audio/mpeg"),
)
FINISHED = Finished(
    manifest=(
        Artifact("a.md", "text/markdown", Bytes(0), SHA),
        Artifact("pages/1.md", "text/markdown", Bytes(2**40), SHA),
    ),
    summary={"words": 7, "title": "Ærø"},
    spent={"download": 1.5},
)
RECORD = Record(Opened(7, 3), Journal(offer=OFFER, computations=2, finished=FINISHED))


def saved(folder: Path, record: Record = RECORD) -> dict[str, Any]:
    save_record(folder, record)
    known: dict[str, Any] = json.loads((folder / "journal.json").read_bytes())
    return known


def put(folder: Path, content: bytes | dict[str, Any]) -> None:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / "journal.json").write_bytes(raw)


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        Record(Opened(1, 1), Journal(offer=an_offer())),
        Record(Opened(1, 1), Journal(offer=an_offer(), finished=Finished(manifest=(), summary={}))),
    ],
)
def test_what_is_saved_comes_back(tmp_path: Path, record: Record) -> None:
    save_record(tmp_path, record)

    assert load_record(tmp_path) == record


def test_a_journal_is_its_owners_alone(tmp_path: Path) -> None:
    save_record(tmp_path, RECORD)

    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_has_no_place_in_a_journal_is_a_bug(tmp_path: Path) -> None:
    odd: Any = {"summary": object()}
    record = replace(RECORD, journal=replace(RECORD.journal, finished=replace(FINISHED, **odd)))

    with pytest.raises(TypeError, match="object has no place in a journal"):
        save_record(tmp_path, record)


def test_a_folder_without_a_journal_is_told(tmp_path: Path) -> None:
    with pytest.raises(MisfitError, match="it has no journal"):
        load_record(tmp_path)


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        b"\x00" * 4096,
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"version": "1"}',
        b'{"version": 1}',
        b"[" * 100_000,
        b'{"version": 1, "offer": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_journal_does_not_fit(tmp_path: Path, torn: bytes) -> None:
    put(tmp_path, torn)

    with pytest.raises(MisfitError, match="its journal does not fit"):
        load_record(tmp_path)


def test_a_journal_cut_anywhere_does_not_fit(tmp_path: Path) -> None:
    save_record(tmp_path, RECORD)
    whole = (tmp_path / "journal.json").read_bytes()

    for length in range(len(whole)):
        put(tmp_path, whole[:length])
        with pytest.raises(MisfitError):
            load_record(tmp_path)


def test_a_journal_of_another_version_is_told_by_its_version(tmp_path: Path) -> None:
    put(tmp_path, {"version": 2, "all": "else"})

    with pytest.raises(MisfitError, match="its journal is of version 2, this agent knows 1"):
        load_record(tmp_path)


def change(*path: str | int, to: object) -> Callable[[dict[str, Any]], None]:
    def apply(known: Any) -> None:
        for step in path[:-1]:
            known = known[step]
        known[path[-1]] = to

    return apply


@pytest.mark.parametrize(
    "misfit",
    [
        change("more", to=1),
        change("opened", to=[7]),
        change("opened", to=[7, -1]),
        change("computations", to=-1),
        change("computations", to=True),
        change("computations", to="2"),
        change("offer", to=None),
        change("offer", "lease_id", to=None),
        change("offer", "attempt", to=1.5),
        change("offer", "lease_ttl", to=-1),
        change("offer", "lease_ttl", to="90"),
        change("offer", "lease_ttl", to=float("nan")),
        change("offer", "options", to=[]),
        change("offer", "input", "size", to=-3),
        change("offer", "input", "size", to=2**63),
        change("offer", "input", "sha256", to="A" * 64),
        change("offer", "input", "sha256", to="a" * 64 + "\n"),
        change("finished", "manifest", 0, "name", to="../journal.json"),
        change("finished", "manifest", 0, "name", to="/etc/passwd"),
        change("finished", "manifest", 0, "name", to="a.md\n"),
        change("finished", "manifest", 0, "size", to=-1),
        change("finished", "manifest", 0, "sha256", to=None),
        change("finished", "manifest", to={}),
        change("finished", "summary", to=[]),
        change("finished", "spent", to={"download": "long"}),
        change("finished", "spent", to={"download": float("inf")}),
    ],
)
def test_a_journal_with_one_field_that_is_wrong_does_not_fit(
    tmp_path: Path, misfit: Callable[[dict[str, Any]], None]
) -> None:
    known = saved(tmp_path)
    misfit(known)
    put(tmp_path, known)

    with pytest.raises(MisfitError, match="its journal does not fit"):
        load_record(tmp_path)


def test_a_journal_with_one_field_missing_does_not_fit(tmp_path: Path) -> None:
    known = saved(tmp_path)

    for part in (known, known["offer"], known["offer"]["input"], known["finished"]):
        for name in list(part):
            value = part.pop(name)
            put(tmp_path, known)
            with pytest.raises(MisfitError):
                load_record(tmp_path)
            part[name] = value


def test_the_reason_never_shows_what_the_journal_holds(tmp_path: Path) -> None:
    known = saved(tmp_path)
    known["offer"]["options"] = SECRET
    known["offer"][SECRET] = SECRET
    put(tmp_path, known)

    with pytest.raises(MisfitError) as caught:
        load_record(tmp_path)

    told = str(caught.value)
    assert told == "its journal does not fit: offer.options Input should be an object"
    assert caught.value.__suppress_context__


def test_options_keep_what_the_server_sent(tmp_path: Path) -> None:
    odd: JsonObject = {"n": 10**30, "i": 1, "f": 1.0, "b": True, "": "\u2028\x7f"}
    offer = replace(OFFER, options=odd)

    save_record(tmp_path, replace(RECORD, journal=Journal(offer=offer)))

    options = load_record(tmp_path).journal.offer.options
    assert [(name, type(value), value) for name, value in options.items()] == [
        (name, type(value), value) for name, value in odd.items()
    ]


def test_a_link_in_place_of_the_journal_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "elsewhere").mkdir()
    save_record(tmp_path / "elsewhere", RECORD)
    (tmp_path / "job" / "journal.json").symlink_to(tmp_path / "elsewhere" / "journal.json")

    with pytest.raises(MisfitError, match=r"journal\.json is no plain file"):
        load_record(tmp_path / "job")


def test_a_journal_that_is_endless_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "journal.json").open("wb") as file:
        file.truncate(journal.MAX_SIZE + 1)

    with pytest.raises(MisfitError, match="is over 16777216 bytes"):
        load_record(tmp_path)
