"""What a caller of one of the tasks asks for, whatever way it writes its arguments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import cast

from agent.config import known_content_types
from agent.core.morag_options import options_of
from agent.model.ids import JsonObject

CONTENT_TYPES: Mapping[str, str | None] = {
    "remote.process_audio": "audio",
    "remote.process_video": "video",
    "remote.process_image": "image",
    "remote.process_file": None,
}
"""Each task with the type of its files; None: the caller says it, or the file's name does."""
FIELDS = ("file_path", "content_type", "options", "user_id")
"""The arguments, in the order that MoRAG's plan has them: by place only one task has a type."""


KindOf = Callable[[str], str | None]
"""The content type that the name of a file stands for, if any."""


class WrongOrderError(Exception):
    """The arguments are not ones that a job can be made of."""


@dataclass(frozen=True, slots=True)
class Order:
    content_type: str
    file_path: str
    options: JsonObject
    """Ours, already translated from the caller's."""


def user_of(task: str, args: Sequence[object], kwargs: Mapping[str, object]) -> str | None:
    """Handed back as it came, also with the failure of an order that is wrong otherwise."""
    user = _fields(task, args, kwargs).get("user_id")
    return user if isinstance(user, str) else None


def order_of(
    task: str, args: Sequence[object], kwargs: Mapping[str, object], kind_of: KindOf
) -> Order:
    """Raises `WrongOrderError` for people to read."""
    fields = _fields(task, args, kwargs)
    path, options = fields.get("file_path"), fields.get("options")
    if not isinstance(path, str) or not path:
        raise WrongOrderError(f"{task} needs file_path: where the file lies, as a text")
    if options is not None and not isinstance(options, dict):
        raise WrongOrderError("options must be a mapping of names to values")
    content_type = CONTENT_TYPES[task] or _said(fields) or kind_of(path)
    if content_type is None:
        name = PurePath(path).name
        raise WrongOrderError(f"the name {name} does not say what it is: give content_type")
    return Order(content_type, path, options_of(content_type, cast("JsonObject", options or {})))


def _fields(
    task: str, args: Sequence[object], kwargs: Mapping[str, object]
) -> Mapping[str, object]:
    """One mapping as the only argument is as good as the arguments by name."""
    if len(args) == 1 and isinstance(args[0], dict):
        return {**args[0], **kwargs}
    by_place = [name for name in FIELDS if name != "content_type" or CONTENT_TYPES[task] is None]
    return {**dict(zip(by_place, args, strict=False)), **kwargs}


def _said(fields: Mapping[str, object]) -> str | None:
    said = fields.get("content_type")
    if said is None or said in known_content_types:
        return said
    raise WrongOrderError(f"content_type must be one of {', '.join(known_content_types)}")
