"""Which of our packages are installed: what is always needed, and each extra."""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata

from agent.cli.check import Check, State

DISTRIBUTION = "morag-agent"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;.*extra\s*==\s*[\"'](\w+)[\"'])?")
_NOT_FOR_PEOPLE = frozenset({"dev", "rivals", "all"})
"""For those who work on the agent, and what only names other extras."""


def base_check() -> Check:
    requirements = _requirements()
    if not requirements:
        found = f"{DISTRIBUTION} runs without being installed"
        advice = "pip install . in its folder, so that versions can be told"
        return Check("packages", State.WARN, found, advice)
    versions = _versions(requirements.get("", ()))
    there, missing = _told(versions), _missing(versions)
    if not missing:
        return Check("packages", State.OK, there)
    return Check(
        "packages", State.FAIL, f"{there}; missing: {missing}", f"pip install {DISTRIBUTION}"
    )


def extra_checks() -> Iterator[Check]:
    """One line for each extra that is there, and one for those that are not.

    A package that several extras share is told once, and by itself makes none of them installed.
    """
    extras = {
        name: packages
        for name, packages in _requirements().items()
        if name and name not in _NOT_FOR_PEOPLE
    }
    absent: list[str] = []
    told: set[str] = set()
    for extra, packages in extras.items():
        versions = _versions(packages)
        own = _own(extra, extras) or packages
        if not any(versions[name] for name in own):
            absent.append(extra)
        elif (missing := _missing(versions)) or not told.issuperset(packages):
            new = {name: version for name, version in versions.items() if name not in told}
            told.update(packages)
            yield _extra_check(extra, _told(new), missing)
    if absent:
        how = f"pip install '{DISTRIBUTION}[NAME]' for those you want"
        yield Check("extras", State.OK, f"not installed: {', '.join(absent)} ({how})")


def _own(extra: str, extras: Mapping[str, Sequence[str]]) -> list[str]:
    others = {name for other in extras if other != extra for name in extras[other]}
    return [name for name in extras[extra] if name not in others]


def _extra_check(extra: str, there: str, missing: str) -> Check:
    title = f"extra {extra}"
    if not missing:
        return Check(title, State.OK, there)
    found = f"{there}; missing: {missing}" if there else f"missing: {missing}"
    return Check(title, State.WARN, found, f"pip install '{DISTRIBUTION}[{extra}]'")


def _requirements() -> Mapping[str, list[str]]:
    """The names by extra; those of the base under the empty name."""
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, list[str]] = {}
    for text in requirements:
        if parts := _REQUIREMENT.match(text):
            found.setdefault(parts[2] or "", []).append(parts[1])
    return found


def _versions(names: Sequence[str]) -> Mapping[str, str | None]:
    return {name: version_of(name) for name in names}


def _told(versions: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)


def _missing(versions: Mapping[str, str | None]) -> str:
    return ", ".join(name for name, version in versions.items() if version is None)


def version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
