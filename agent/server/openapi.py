"""Prints the schema: `python -m agent.server.openapi > docs/openapi.json`."""

import json
import sys
from pathlib import Path

from agent.server.app import create_app
from agent.server.settings import ServerSettings


def schema() -> str:
    """The OpenAPI document of the Job API, as the file in `docs` holds it."""
    app = create_app(ServerSettings(folder=Path("unused")))
    return json.dumps(app.openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
