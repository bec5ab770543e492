"""`make torture`: all of it, for as long as it takes; prints what was tried and what was found.

python -m tests.torture [NAME ...]
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.torture import agent_kills, disk_faults, resumed_download, server_kills
from tests.torture.judge import HEAD, Score

SEED = 2026
ALL: Mapping[str, Callable[[Path], Score]] = {
    "agent": lambda folder: agent_kills.torture(folder, 1000, SEED),
    "server": lambda folder: server_kills.torture(folder, 300, SEED),
    "disk": lambda folder: disk_faults.torture(folder, SEED, is_whole=True),
    "download": lambda folder: resumed_download.score_of(resumed_download.torture(folder, 5)),
}


def main() -> int:
    names = sys.argv[1:] or list(ALL)
    scores = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="morag-torture-") as folder:
            scores.append(ALL[name](Path(folder)))
        print(scores[-1].details(), end="\n\n", flush=True)
    print("\n".join([HEAD, *(score.row() for score in scores)]))
    return 0 if all(score.is_clean for score in scores) else 1


if __name__ == "__main__":
    sys.exit(main())
