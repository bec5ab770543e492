"""Python runs this at the start of a child, whose `PYTHONPATH` names this folder."""

import os
from pathlib import Path

from tests.torture.child_writes import arm

arm(Path(os.environ["HOME"]))
