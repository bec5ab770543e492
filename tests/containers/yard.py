"""A server and an agent, each in a container, with nothing around them but each other.

The server has no network but its own loopback, and the agent shares that. Both are as locked in as
an owner could wish; what an owner would type is what is run here.
"""

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.containers.podman import Podman
from tests.end_to_end.house import wait_until

HARDENED = (
    "--read-only",
    "--tmpfs=/tmp:rw,size=256m,noexec,nosuid,nodev",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--pids-limit=128",
)
_DATA = "/var/lib/agent/server"
_CLIENT = "/var/lib/agent/client.token"
_TOKEN = "/etc/morag-agent/token"  # noqa: S105 (a path)


@dataclass
class Yard:
    podman: Podman
    image: str
    folder: Path
    """What is sent lies here."""
    tag: str = field(default_factory=lambda: secrets.token_hex(4))
    containers: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    def start(self, name: str, *words: str, options: tuple[str, ...] = ()) -> str:
        """A container and its volume; gives its full name."""
        full = f"{name}-{self.tag}"
        self.containers.append(full)
        self.volumes.append(full)
        home = f"--volume={full}:/var/lib/agent"
        self.podman(
            "run", "--detach", f"--name={full}", *HARDENED, home, *options, self.image, *words
        )
        return full

    @property
    def client(self) -> tuple[str, str]:
        return ("--token-file", _CLIENT)

    def serve(self) -> str:
        self.folder.chmod(0o755)
        options = ("--network=none", f"--volume={self.folder}:/sent:ro")
        server = self.start("server", "serve", "--data", _DATA, options=options)
        self.wait_for(server, "listening on")
        self.inside(server, "token", "create", "--client", "--data", _DATA, "--out", _CLIENT)
        return server

    def agent(self, server: str, **environ: str) -> str:
        """At work beside `server`."""
        token = self.inside(server, "token", "create", "--agent", "attic", "--data", _DATA)
        secret = f"token-{self.tag}"
        self.secrets.append(secret)
        self.podman("secret", "create", secret, "-", content=token)
        return self.start(
            "agent",
            "run",
            options=(
                f"--network=container:{server}",
                f"--secret={secret},target={_TOKEN},uid=10001,mode=0400",
                *("--env=MORAG_AGENT_ID=attic", "--env=MORAG_AGENT_SLOTS=1"),
                *("--env=MORAG_AGENT_SANDBOX=require", "--env=MORAG_AGENT_LOG_LEVEL=debug"),
                *(f"--env={name}={value}" for name, value in environ.items()),
            ),
        )

    def inside(self, container: str, *words: str) -> str:
        """What one of our verbs says in there."""
        return self.podman("exec", container, "python3", "-m", "agent", *words).stdout

    def submit(self, server: str, name: str) -> str:
        """The id of the job."""
        self.inside(server, "submit", f"/sent/{name}", *self.client)
        (job,) = json.loads(self.inside(server, "jobs", "--json", *self.client))["jobs"]
        return str(job["job_id"])

    def job(self, server: str, job_id: str) -> dict[str, Any]:
        found = json.loads(self.inside(server, "jobs", job_id, "--json", *self.client))
        assert isinstance(found, dict)
        return found

    def said(self, container: str) -> str:
        done = self.podman("logs", container)
        return done.stdout + done.stderr

    def wait_for(self, container: str, words: str, patience: float = 60.0) -> None:
        wait_until(
            lambda: words in self.said(container),
            f"{words!r} from {container}:\n{self.said(container)}",
            patience,
            pause=0.2,
        )

    def clear(self) -> None:
        for name in reversed(self.containers):
            self.podman("rm", "--force", "--volumes", "--time=0", name, check=False)
        for name in self.volumes:
            self.podman("volume", "rm", "--force", name, check=False)
        for name in self.secrets:
            self.podman("secret", "rm", name, check=False)
