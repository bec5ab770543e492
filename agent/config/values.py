"""How people write values: each kind of setting with its reader and the words for what is right."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr

UNITS: Mapping[str, int] = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
LANGUAGE_PATTERN = r"^[a-z]{2,3}$"
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


class WrongValueError(ValueError):
    """Its text names for people what is wrong within a value."""


@dataclass(frozen=True, slots=True)
class Right:
    """What a value of this kind has to be, as the end of "it must be …"."""

    text: str


def size_in_bytes(value: object) -> object:
    """`"10GB"` as a number; what is no size is left for the type check to refuse."""
    if not isinstance(value, str) or not (parts := _SIZE.fullmatch(value)):
        return value
    number, unit = parts.groups()
    if unit.upper() not in UNITS:
        return value
    return int(float(number) * UNITS[unit.upper()])


def listed(value: object) -> object:
    """`"a, b"` as two names; the older settings also wrote `["a", "b"]`."""
    return names_in(value) if isinstance(value, str) else value


def names_in(value: str) -> tuple[str, ...]:
    bare = value.strip().removeprefix("[").removesuffix("]")
    return tuple(item for part in bare.split(",") if (item := part.strip().strip("\"'")))


def labelled(value: object) -> object:
    """`"site=home,rack=2"` as a mapping."""
    if not isinstance(value, str):
        return value
    pairs = [item.partition("=") for item in value.split(",") if item.strip()]
    if not all(equals for _, equals, _ in pairs):
        return value
    return {key.strip(): text.strip() for key, _, text in pairs}


def lower(value: object) -> object:
    """`INFO` and `info` mean the same."""
    return value.strip().lower() if isinstance(value, str) else value


def none_if_auto(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() == "auto" else value


def no_truth_as_number(value: object) -> object:
    """`slots = true` is a slip, not a 1."""
    if isinstance(value, bool):
        raise ValueError("a number, not true or false")  # noqa: TRY004 (pydantic wants ValueError)
    return value


def in_home(value: object) -> object:
    """`~/spool` as the path it stands for."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        raise ValueError("no path")
    return Path(value.strip()).expanduser()


def origin_url(value: object) -> object:
    """A plain address: secrets do not belong into it, and routes are added to its end."""
    if not isinstance(value, str):
        return value
    parts = urlsplit(value.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("no http or https address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("more than an address")
    if parts.port == 0:
        raise ValueError("no port 0")
    return value.strip().rstrip("/")


# The validator that stands last runs first.
AnyCase = BeforeValidator(lower)
_Number = BeforeValidator(no_truth_as_number)
_Auto = BeforeValidator(none_if_auto)
_Listed = BeforeValidator(listed)

_Positive = Annotated[int, Field(ge=1, le=1_000_000)]
_Length = Annotated[float, Field(gt=0, le=10_000_000, allow_inf_nan=False)]
_EachName = Annotated[str, Field(pattern=NAME_PATTERN)]
_EachText = Annotated[str, Field(min_length=1, max_length=1024)]

Switch: TypeAlias = Annotated[bool, Right("on or off (or true, false)")]
Count: TypeAlias = Annotated[_Positive, _Number, Right("a whole number from 1 up")]
Waits: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=90)], _Number, Right("a whole number from 1 to 90")
]
"""Each has a connection open to the server, and ours opens 100 at most."""
MaybeCount: TypeAlias = Annotated[_Positive | None, _Number, Right("a whole number from 1 up")]
Natural: TypeAlias = Annotated[
    int, Field(ge=0, le=1_000_000), _Number, Right("a whole number from 0 up")
]
Slots: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=1024)] | None,
    _Number,
    _Auto,
    Right('a whole number from 1 to 1024, or "auto"'),
]
Port: TypeAlias = Annotated[
    int, Field(ge=0, le=65535), _Number, Right("a port from 1 to 65535, or 0 for any free one")
]
MaybePort: TypeAlias = Annotated[
    Annotated[int, Field(ge=0, le=65535)] | None,
    _Number,
    Right("a port from 1 to 65535, or 0 for any free one"),
]
Quality: TypeAlias = Annotated[
    int, Field(ge=1, le=100), _Number, Right("a whole number from 1 to 100")
]
Percent: TypeAlias = Annotated[
    int, Field(ge=1, le=100), _Number, Right("a whole number of percent from 1 to 100")
]
Seconds: TypeAlias = Annotated[_Length, _Number, Right("a number of seconds above 0")]
WedgeSeconds: TypeAlias = Annotated[
    Annotated[float, Field(ge=5, le=86_400, allow_inf_nan=False)],
    _Number,
    Right("a number of seconds from 5 to 86400"),
]
MaybeSeconds: TypeAlias = Annotated[_Length | None, _Number, Right("a number of seconds above 0")]
Minutes: TypeAlias = Annotated[_Length, _Number, Right("a number of minutes above 0")]
MaybeMinutes: TypeAlias = Annotated[_Length | None, _Number, Right("a number of minutes above 0")]
Hours: TypeAlias = Annotated[_Length, _Number, Right("a number of hours above 0")]
Days: TypeAlias = Annotated[_Length, _Number, Right("a number of days above 0")]
MaybeGigabytes: TypeAlias = Annotated[
    _Length | None, _Number, Right("a number of gigabytes above 0")
]
Gigabytes: TypeAlias = Annotated[_Length, _Number, Right("a number of gigabytes above 0")]
MaybeDegrees: TypeAlias = Annotated[
    Annotated[float, Field(ge=30, le=120, allow_inf_nan=False)] | None,
    _Number,
    Right("a number of degrees Celsius from 30 to 120"),
]
MaybeWatts: TypeAlias = Annotated[_Length | None, _Number, Right("a number of watts above 0")]
Megapixels: TypeAlias = Annotated[
    Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)],
    _Number,
    Right("a number of megapixels from above 0 to 10000"),
]
Size: TypeAlias = Annotated[
    int,
    Field(ge=1, le=2**63 - 1),
    BeforeValidator(size_in_bytes),
    _Number,
    Right('a size such as "10GB", "500MB", "4GiB", or a number of bytes, above 0'),
]
Room: TypeAlias = Annotated[
    int,
    Field(ge=0, le=2**63 - 1),
    BeforeValidator(size_in_bytes),
    _Number,
    Right('a size such as "10GB", "500MB", "4GiB", a number of bytes, or 0 for none'),
]
Name: TypeAlias = Annotated[
    _EachName, Right("letters, digits, '.', '_' and '-', at most 128, a letter or digit first")
]
Text: TypeAlias = Annotated[_EachText, Right("a text that is not empty")]
MaybeLanguage: TypeAlias = Annotated[
    Annotated[str, Field(pattern=LANGUAGE_PATTERN)] | None,
    _Auto,
    Right('a language code such as "de" or "en", or "auto"'),
]
MaybeText: TypeAlias = Annotated[_EachText | None, Right("a text that is not empty")]
Names: TypeAlias = Annotated[
    tuple[_EachName, ...],
    Field(min_length=1),
    _Listed,
    Right('a list of names, ["a", "b"] in the file or a,b elsewhere'),
]
MaybeNames: TypeAlias = Annotated[
    Annotated[tuple[_EachName, ...], Field(min_length=1)] | None,
    _Listed,
    _Auto,
    Right('a list of names, ["a", "b"] in the file or a,b elsewhere, or "auto"'),
]
Patterns: TypeAlias = Annotated[
    tuple[_EachText, ...],
    _Listed,
    Right('a list of names or patterns, ["game.exe", "blender*"] in the file or a,b* elsewhere'),
]
Labels: TypeAlias = Annotated[
    dict[_EachName, Annotated[str, Field(max_length=4096)]],
    BeforeValidator(labelled),
    Right('names with texts, { site = "home" } in the file or site=home elsewhere'),
]
Folder: TypeAlias = Annotated[Path, BeforeValidator(in_home), Right("the path of a folder")]
MaybeFolder: TypeAlias = Annotated[
    Path | None, BeforeValidator(in_home), Right("the path of a folder")
]
Folders: TypeAlias = Annotated[
    tuple[Annotated[Path, BeforeValidator(in_home)], ...],
    _Listed,
    Right('a list of folders, ["/a", "/b"] in the file or /a,/b elsewhere'),
]
MaybeFile: TypeAlias = Annotated[Path | None, BeforeValidator(in_home), Right("the path of a file")]
Url: TypeAlias = Annotated[
    str,
    BeforeValidator(origin_url),
    Right("an address such as https://morag.example.org, without user name or query"),
]
Secret: TypeAlias = Annotated[SecretStr | None, Right("a token, as `token create` printed it")]
SecretUrl: TypeAlias = Annotated[
    SecretStr | None, Right("an address such as redis://:PASSWORD@HOST:6379/0")
]
