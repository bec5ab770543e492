"""The floor that touches sockets, disks, processes and clocks. It decides nothing."""

import sys
from types import ModuleType
from typing import cast

# Where rich and click are installed, httpx imports a command line of its own along with them. An
# idle agent would carry it for ever, and wait for it at each start. None tells `import` that the
# module is not to be had (Python's language reference, 5.3.1), which httpx is prepared for.
cast("dict[str, ModuleType | None]", sys.modules).setdefault("httpx._main", None)
