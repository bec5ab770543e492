"""Reads the options of a task into a typed model, and says what is wrong in words."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from agent.model.ids import JsonValue
from agent.pipelines.errors import OptionsInvalidError

_SHOWN = 60


class Options(BaseModel):
    """The base of every pipeline's options: nothing unknown, nothing converted unasked."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


OptionsT = TypeVar("OptionsT", bound=Options)


def parse_options(model: type[OptionsT], given: Mapping[str, JsonValue]) -> OptionsT:
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        complaints = [_complaint(model, detail) for detail in error.errors()]
        raise OptionsInvalidError(f"{'; '.join(complaints)}.") from error


def _complaint(model: type[Options], detail: ErrorDetails) -> str:
    if not detail["loc"]:  # what the options say together
        return detail["msg"].partition(", ")[2]
    name = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        return (
            f"unknown option {name[:_SHOWN]!r}; known are {', '.join(sorted(model.model_fields))}"
        )
    value = repr(detail["input"])[:_SHOWN]
    wanted = detail["msg"][:1].lower() + detail["msg"][1:]
    return f"option {name!r} is {value}: {wanted.removeprefix('value error, ')}"
