"""How a trial answers: one line of JSON, whatever else the libraries print."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, ClassVar, Protocol

from agent.pipelines.parentage import die_with_parent, silence_stdout


class Answer(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


def tell(look: Callable[[], Answer]) -> None:
    die_with_parent()
    with open(silence_stdout(), "w") as output:  # noqa: PTH123 - a descriptor, not a path
        output.write(json.dumps(asdict(look())) + "\n")


def reason_of(error: BaseException) -> str:
    """Its first line: CUDA's errors go on with pages of advice for programmers."""
    first = str(error).strip().partition("\n")[0]
    return first or type(error).__name__
