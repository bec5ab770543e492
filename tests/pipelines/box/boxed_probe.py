"""The main of a box with the readers of these tests."""

from typing import cast

from agent.pipelines.box import boxed
from agent.pipelines.box.readers import READERS
from tests.pipelines.box import libraries
from tests.pipelines.box import readers as ours

if __name__ == "__main__":
    cast("dict[str, str]", READERS).update(
        (name, f"{module.__name__}:{name}")
        for module in (ours, libraries)
        for name in vars(module)
        if not name.startswith("_")
    )
    boxed.main()
