"""Prints what a job may say: `python -m agent.pipelines.options_page > docs/options.md`."""

import json
import sys
from collections.abc import Iterator, Mapping

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from agent.pipelines.audio.options import AudioOptions
from agent.pipelines.document.options import DocumentOptions
from agent.pipelines.document.text import TextOptions
from agent.pipelines.image.options import ImageOptions
from agent.pipelines.options import Options
from agent.pipelines.video.options import VideoOptions
from agent.pipelines.web.options import WebOptions

BY_TYPE: Mapping[str, type[Options]] = {
    "audio": AudioOptions,
    "video": VideoOptions,
    "image": ImageOptions,
    "document": DocumentOptions,
    "web": WebOptions,
    "text": TextOptions,
}
_OPENING = """# What a job may say

A job's `options` (`--option NAME=VALUE` of `submit` and `process`) go to the pipeline of its
content type. One that does not exist, or has a wrong value, fails the job as `options_invalid`,
with the names of those that do. `make docs` writes this page from the code.
"""
_HEAD = "| option | default | what it does | also known as |\n|---|---|---|---|"


def page() -> str:
    return "\n".join([_OPENING, *(_section(name, model) for name, model in BY_TYPE.items())])


def _section(content_type: str, model: type[Options]) -> str:
    rows = "\n".join(_rows(content_type, model))
    also = "All of audio's, and:\n\n" if content_type == "video" else ""
    return f"## {content_type}\n\n{also}{_HEAD}\n{rows}\n"


def _rows(content_type: str, model: type[Options]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if content_type == "video" and name in AudioOptions.model_fields:
            continue
        what = (field.description or "").replace("\n", " ").replace("|", "\\|")
        yield f"| `{name}` | `{_default(field)}` | {what} | {', '.join(_others(name, field))} |"


def _default(field: FieldInfo) -> str:
    return json.dumps(field.get_default(call_default_factory=True, validated_data={}))


def _others(name: str, field: FieldInfo) -> Iterator[str]:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        yield from (f"`{other}`" for other in alias.choices if other != name)


if __name__ == "__main__":
    sys.stdout.write(page())
