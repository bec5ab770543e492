"""One agent to install, on a box that tests do not depend on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.cli.installing.plan import Site

HOME = Path("/home/ada lovelace")
TOLD = {
    "MORAG_AGENT_SERVER_URL": "https://morag.example.org/gpu",
    "MORAG_AGENT_ID": "attic",
    "MORAG_AGENT_LABELS": 'site=the attic,load=100%,sign="$"',
}


def site(**changes: Any) -> Site:
    plain = Site(
        python=Path("/opt/morag-agent/bin/python"),
        config=None,
        token_file=Path("/etc/morag-agent/token"),
        spool=HOME / "spool",
        models=None,
        log_file=None,
        environment=TOLD,
        whole_environment=TOLD,
        stop_grace_s=8,
        is_user=False,
        has_gpu=True,
        is_on_this_machine=False,
        image="localhost/morag-agent:latest",
    )
    return replace(plain, **changes)


def golden(name: str) -> str:
    return (Path(__file__).parent / "golden" / name).read_text(encoding="utf-8")


def owner(**changes: Any) -> Site:
    """A person's own: everything lies in a home with a space in its name."""
    own = {
        "python": HOME / "agent/bin/python",
        "config": HOME / "config.toml",
        "token_file": HOME / "to$ken",
        "models": HOME / "models",
        "is_user": True,
        "has_gpu": False,
        "is_on_this_machine": True,
    }
    return site(**{**own, **changes})
