"""A tus server that is not ours: `python -m tests.faults.foreign_tus PORT FOLDER`."""

import sys
from functools import partial
from pathlib import Path

import tuspyserver.request
import uvicorn
from fastapi import FastAPI
from tuspyserver import create_tus_router
from tuspyserver.lock import acquire_upload_lock

PATIENCE = 0.5
"""It waits for its lock with its whole loop, and so for itself when we come back too soon."""


def main() -> None:
    port, folder = sys.argv[1:]
    vars(tuspyserver.request)["acquire_upload_lock"] = partial(
        acquire_upload_lock, timeout=PATIENCE
    )
    app = FastAPI()
    app.include_router(create_tus_router(prefix="files", files_dir=str(Path(folder))))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
