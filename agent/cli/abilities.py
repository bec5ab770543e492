"""What `doctor` says of the parts of the pipelines that may be missing on this box."""

from collections.abc import Iterator

from agent.cli.check import Check, State
from agent.config import Settings, pipeline_settings, wanted_types
from agent.pipelines.box.confinement import state
from agent.pipelines.diarization.loading import diarization_is_possible
from agent.pipelines.ocr.loading import ocr_is_possible
from agent.pipelines.topics.loading import topics_are_possible

_SPOKEN = {"audio", "video"}
_SEEN = {"image", "video", "document"}


def ability_checks(settings: Settings) -> Iterator[Check]:
    """The walls around strangers' files, and the extras that change what a result holds."""
    yield box_check(settings)
    asked, wanted = pipeline_settings(settings), set(wanted_types(settings))
    if wanted & _SPOKEN and settings.diarization:
        yield _check("speakers", "diarize", is_there=diarization_is_possible(asked))
    if wanted & _SPOKEN and settings.topics:
        yield _check("topics", "topics", is_there=topics_are_possible(asked))
    if wanted & _SEEN:
        yield _check("ocr", "images", is_there=ocr_is_possible())


def box_check(settings: Settings) -> Check:
    walls = state()
    found = f"files are read behind {walls}"
    if settings.sandbox == "off":
        return Check(
            "box", State.WARN, "files are read without walls", "set limits.sandbox to auto"
        )
    if walls.are_whole:
        return Check("box", State.OK, found)
    advice = "use a kernel from 5.13 on with Landlock (lsm=…,landlock)"
    judged = State.FAIL if settings.sandbox == "require" else State.WARN
    return Check("box", judged, found, advice)


def _check(name: str, extra: str, *, is_there: bool) -> Check:
    """Results are good without it, so this is no warning."""
    if is_there:
        return Check(name, State.OK, "can be had")
    return Check(name, State.OK, f"left out of results: pip install 'morag-agent[{extra}]'")
