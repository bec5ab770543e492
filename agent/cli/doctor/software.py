"""What the pipelines need of this box beside a GPU: decoders, walls, parts that may be missing."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress

from agent.cli.doctor.check import Check, Finding, Group, error, not_applicable, ok, warning
from agent.cli.doctor.packages import DISTRIBUTION, package_checks, version_of
from agent.cli.doctor.patient import Once, Patient
from agent.config import pipeline_settings, types_told, wanted_types
from agent.config.settings import Settings
from agent.edges.trials import Broken, Trial
from agent.model.hardware import Hardware
from agent.model.work import PipelineSettings
from agent.pipelines.box.confinement import state
from agent.pipelines.registry import obstacle, possible_content_types
from agent.pipelines.trials.codecs import DECODERS, DEMUXERS, Codecs

_SPOKEN = {"audio", "video"}
_SEEN = {"image", "video", "document"}
_CODECS_DEADLINE = 25.0


def software_checks(patient: Patient) -> Iterator[Check]:
    yield from package_checks()
    trial = Trial("agent.pipelines.trials.codecs", Codecs)
    codecs = Once(lambda: trial.run(patient.child_environ, _CODECS_DEADLINE))
    looks: dict[str, Callable[[], Finding]] = {
        "content": lambda: types_finding(patient.settings, patient.hardware()),
        "decoders": lambda: decoders_finding(patient.settings, codecs()),
        "clips": lambda: clips_finding(patient.settings, codecs()),
        "walls": lambda: walls_finding(patient.settings),
        "abilities": lambda: abilities_finding(patient.settings),
    }
    for name, look in looks.items():
        yield Check(group=Group.SOFTWARE, name=name, look=look, deadline=_CODECS_DEADLINE + 2)


def types_finding(settings: Settings, hardware: Hardware) -> Finding:
    """What `run` with these settings would take; leaving something out may well be meant."""
    asked = pipeline_settings(settings)
    told = types_told(settings, hardware, possible_content_types(asked))
    seen = f"takes {_listed(told['takes'])} (capability {told['capability']})"
    if "cannot_take" in told:
        missing = told["cannot_take"].split(",")
        ways = dict.fromkeys(filter(None, (obstacle(name, asked) for name in missing)))
        seen, advice = f"{seen}; cannot take {', '.join(missing)}", "; ".join(ways)
        # A whole capability with some of its parts left out is a choice; nothing at all is none.
        is_choice = told["takes"] and settings.content_types is None
        return warning(seen, advice) if is_choice else error(seen, advice)
    if "leaves_out" not in told:
        return ok(seen)
    left = _listed(told["leaves_out"])
    return ok(f"{seen}; to take {left} as well: {told['to_take_all']}")


def _listed(names: str) -> str:
    return names.replace(",", ", ") or "nothing"


def decoders_finding(settings: Settings, codecs: Codecs | Broken) -> Finding:
    if not set(wanted_types(settings)) & _SPOKEN:
        return not_applicable("this agent takes neither audio nor video")
    install = f"pip install '{DISTRIBUTION}[fast]'"
    if version_of("av") is None:
        binary = shutil.which("ffmpeg")
        seen = f"no PyAV (the program {binary} is not used)" if binary else "no PyAV, no FFmpeg"
        return error(seen, install)
    if isinstance(codecs, Broken):
        return error(f"PyAV: {codecs.reason}", f"{install} --force-reinstall")
    if codecs.trouble:
        return error(f"PyAV cannot be loaded ({codecs.trouble})", f"{install} --force-reinstall")
    version = f"PyAV {version_of('av')} with {codecs.libraries}"
    lacking = [*codecs.lacks_decoders, *(f"files of {name}" for name in codecs.lacks_demuxers)]
    if lacking:
        advice = "install PyAV's own package (pip install --only-binary :all: av), which has all"
        return warning(f"{version} cannot read {', '.join(lacking)}", advice)
    known = len(DECODERS)
    return ok(f"{version} reads all {known} codecs and {len(DEMUXERS)} kinds of files looked for")


def clips_finding(settings: Settings, codecs: Codecs | Broken) -> Finding:
    """They are encoded with a program that comes as a package, by way of moviepy."""
    if "video" not in wanted_types(settings):
        return not_applicable("this agent takes no video")
    if isinstance(codecs, Broken) or codecs.trouble:
        return not_applicable("see `decoders`")
    if codecs.encoder is None:
        return ok(f"left out of results: pip install '{DISTRIBUTION}[video]'")
    if codecs.encoder_trouble:
        seen = f"no clips: FFmpeg {codecs.encoder} does not run ({codecs.encoder_trouble})"
        return warning(seen, "pip install --force-reinstall imageio-ffmpeg; noexec forbids it, too")
    return ok("the FFmpeg that encodes them runs")


def walls_finding(settings: Settings) -> Finding:
    walls = state()
    if settings.sandbox == "off":
        return warning("files are read without walls", "set limits.sandbox to auto")
    seen = f"files are read behind {walls}"
    if walls.are_whole:
        return ok(seen)
    advice = "use a kernel from 5.13 on with Landlock (lsm=…,landlock)"
    return error(seen, advice) if settings.sandbox == "require" else warning(seen, advice)


class Abilities:
    """What this box can do; even the questions need packages that may be missing."""

    def diarize(self, asked: PipelineSettings) -> bool:
        with suppress(ModuleNotFoundError):
            from agent.pipelines.diarization.loading import diarization_is_possible

            return diarization_is_possible(asked)
        return False

    def find_topics(self, asked: PipelineSettings) -> bool:
        with suppress(ModuleNotFoundError):
            from agent.pipelines.topics.loading import topics_are_possible

            return topics_are_possible(asked)
        return False

    def read_pictures(self, _asked: PipelineSettings) -> bool:
        with suppress(ModuleNotFoundError):
            from agent.pipelines.ocr.loading import ocr_is_possible

            return ocr_is_possible()
        return False


_OF_THIS_BOX = Abilities()


def abilities_finding(settings: Settings, can: Abilities = _OF_THIS_BOX) -> Finding:
    """The extras that change what a result holds: results are good without, so nothing is wrong."""
    asked, wanted = pipeline_settings(settings), set(wanted_types(settings))
    parts: dict[str, tuple[str, bool]] = {}
    if wanted & _SPOKEN and settings.diarization:
        parts["speakers"] = ("diarize", can.diarize(asked))
    if wanted & _SPOKEN and settings.topics:
        parts["topics"] = ("topics", can.find_topics(asked))
    if wanted & _SEEN:
        parts["text in pictures"] = ("images", can.read_pictures(asked))
    if not parts:
        return not_applicable("nothing that this agent takes has such parts")
    there = [name for name, (_, is_there) in parts.items() if is_there]
    absent = [name for name, (_, is_there) in parts.items() if not is_there]
    seen = f"results can hold {', '.join(there)}" if there else "results hold the plain content"
    if absent:
        extras = ",".join(extra for extra, is_there in parts.values() if not is_there)
        seen = f"{seen}, and no {', '.join(absent)} (pip install '{DISTRIBUTION}[{extras}]')"
    return ok(seen)
