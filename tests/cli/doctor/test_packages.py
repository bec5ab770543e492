from collections.abc import Callable
from importlib import metadata

import pytest

from agent.cli.doctor.check import Verdict
from agent.cli.doctor.packages import base_finding, extras_finding


def test_packages_are_told_with_their_versions() -> None:
    base, extras = base_finding(), extras_finding()

    assert base.measured["httpx"] == metadata.version("httpx")
    assert base.verdict is Verdict.OK
    assert "server" in extras.seen
    assert "dev" not in extras.seen


def installed(**versions: str) -> Callable[[str], str]:
    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    return version


def required(monkeypatch: pytest.MonkeyPatch, **extras: str) -> None:
    requirements = ["base>=1"]
    for extra, names in extras.items():
        requirements += [f'{name}>=1; extra == "{extra}"' for name in names.split()]
    monkeypatch.setattr(metadata, "requires", lambda _: requirements)


def test_what_is_missing_is_told_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    required(monkeypatch, one="a", two="b c")
    monkeypatch.setattr(metadata, "version", installed(b="2"))

    base, extras = base_finding(), extras_finding()

    assert (base.verdict, base.advice) == (Verdict.ERROR, "pip install morag-agent")
    assert (extras.verdict, extras.seen) == (Verdict.WARNING, "two lacks c; installed: none")
    assert extras.advice == "pip install 'morag-agent[two]'"
    assert extras.measured == {"b": "2"}


def test_a_package_that_extras_share_installs_none_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    required(monkeypatch, fast="shared quick", media="shared heavy", text="shared")
    monkeypatch.setattr(metadata, "version", installed(shared="1", quick="2"))

    extras = extras_finding()

    assert extras.verdict is Verdict.OK
    assert extras.seen.startswith("installed: fast, text; not installed: media (")


def test_running_from_the_source_alone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)

    assert base_finding().verdict is Verdict.WARNING
    assert extras_finding().verdict is Verdict.UNKNOWN
