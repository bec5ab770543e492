"""`python -m agent`."""

import gc
import sys

# What is imported stays: looking for garbage among it would cost an eighth of the start. The verb
# has it collected again.
gc.disable()

from agent.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
