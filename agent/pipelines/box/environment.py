"""What a box sees of our environment: nothing. It gets one that is made for it."""

import os
from pathlib import Path

from agent.pipelines.box.places import package_root, user_packages


def box_environment(scratch: Path, threads: int = 0) -> dict[str, str]:
    """No secret, no proxy, no locale of the owner's; `threads` is 0 where one will do.

    Threads are few because each reserves addresses, of which a box has a fixed amount: on a machine
    with 64 cores it would be used up before the file is opened.
    """
    count = str(max(1, threads))
    folder = str(scratch.absolute())
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        **dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), folder),
        **dict.fromkeys(("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS"), count),
        "OMP_WAIT_POLICY": "PASSIVE",
        "MALLOC_ARENA_MAX": "2",
        "ORT_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": os.pathsep.join(_search_path()),
        "PYTHONDONTWRITEBYTECODE": "1",
        # The home is the scratch folder: what an earlier box has left there must not be imported.
        "PYTHONNOUSERSITE": "1",
        "PYTHONSAFEPATH": "1",
    }


def _search_path() -> list[str]:
    """So that the same `agent` is imported, wherever this process has found it."""
    packages = user_packages()
    return [str(package_root()), *([] if packages is None else [str(packages)])]
