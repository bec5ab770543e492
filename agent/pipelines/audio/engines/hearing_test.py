"""Lets one engine hear the canary: `python -m agent.pipelines.audio.engines.hearing_test SETTINGS`.

A process of its own, so that whatever a broken library does stays in it.
"""

import json
import sys
from timeit import default_timer as stopwatch

from agent.model.work import PipelineSettings
from agent.pipelines.audio.engines.canary import SPOKEN, ask
from agent.pipelines.audio.engines.loading import load_engine
from agent.pipelines.errors import PipelineError
from agent.pipelines.parentage import silence_stdout


def main() -> int:
    settings = PipelineSettings(**json.loads(sys.argv[1]))
    with open(silence_stdout(), "w") as output:  # noqa: PTH123 - a descriptor, not a path
        begun = stopwatch()
        try:
            engine = load_engine(settings)
            loaded = stopwatch()
            answer = ask(engine)
        except PipelineError as error:
            output.write(f"{error}\n")
            return 1
        ended = stopwatch()
        made = engine.loaded
        output.write(
            f"{made.model} {made.compute_type} heard {answer.text!r}"
            f"{'' if answer.is_right else f' instead of {SPOKEN!r}'}"
            f" (loaded in {loaded - begun:.1f} s, heard in {ended - loaded:.1f} s)\n"
        )
        return 0 if answer.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
