"""Which of our packages are installed: what is always needed, and each extra."""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata

from agent.cli.doctor.check import Check, Finding, Group, error, ok, unknown, warning

DISTRIBUTION = "morag-agent"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;.*extra\s*==\s*[\"'](\w+)[\"'])?")
_NOT_FOR_PEOPLE = frozenset({"dev", "rivals", "all"})
"""For those who work on the agent, and what only names other extras."""


def package_checks() -> Iterator[Check]:
    yield Check(group=Group.SOFTWARE, name="packages", look=base_finding)
    yield Check(group=Group.SOFTWARE, name="extras", look=extras_finding)


def base_finding() -> Finding:
    requirements = _requirements()
    if not requirements:
        found = f"{DISTRIBUTION} runs without being installed"
        return warning(found, "pip install . in its folder, so that versions can be told")
    versions = _versions(requirements.get("", ()))
    missing = _missing(versions)
    if missing:
        return error(f"missing: {missing}", f"pip install {DISTRIBUTION}", **_there(versions))
    return ok(
        f"all that the agent itself needs, {DISTRIBUTION} {version_of(DISTRIBUTION)}",
        **_there(versions),
    )


def extras_finding() -> Finding:
    """Which are there, whole or in part, and which are not.

    A package that several extras share does by itself make none of them installed.
    """
    extras = {
        name: packages
        for name, packages in _requirements().items()
        if name and name not in _NOT_FOR_PEOPLE
    }
    versions = _versions(list(dict.fromkeys(name for names in extras.values() for name in names)))
    present = [name for name in extras if _is_begun(name, extras, versions)]
    lacking = {name: _missing({one: versions[one] for one in extras[name]}) for name in present}
    broken = [f"{name} lacks {missing}" for name, missing in lacking.items() if missing]
    absent = [name for name in extras if name not in present]
    if not extras:
        return unknown("the extras are told only by an installed package")
    seen = f"installed: {', '.join(name for name in present if not lacking[name]) or 'none'}"
    if broken:
        names = ",".join(name for name in present if lacking[name])
        advice = f"pip install '{DISTRIBUTION}[{names}]'"
        return warning(f"{'; '.join(broken)}; {seen}", advice, **_there(versions))
    if absent:
        how = f"pip install '{DISTRIBUTION}[NAME]' for those you want"
        seen = f"{seen}; not installed: {', '.join(absent)} ({how})"
    return ok(seen, **_there(versions))


def _is_begun(
    name: str, extras: Mapping[str, Sequence[str]], versions: Mapping[str, str | None]
) -> bool:
    others = {one for other in extras if other != name for one in extras[other]}
    own = [one for one in extras[name] if one not in others] or extras[name]
    return any(versions[one] for one in own)


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


def _there(versions: Mapping[str, str | None]) -> dict[str, str]:
    return {name: version for name, version in versions.items() if version is not None}


def _missing(versions: Mapping[str, str | None]) -> str:
    return ", ".join(name for name, version in versions.items() if version is None)


def version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
