"""A server and agents as real processes on loopback, in a folder that goes away."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

AGENT = (sys.executable, "-m", "agent")
PATIENCE = 60.0
"""Seconds; these machines are shared."""


def wait_until(
    is_true: Callable[[], object], what: str, patience: float = PATIENCE, pause: float = 0.02
) -> None:
    deadline = time.monotonic() + patience
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience:g} s: {what}")
        time.sleep(pause)


@dataclass
class Running:
    """One of our processes and what it says."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """The JSON log lines of one event."""
        lines = (line for line in self.said().splitlines() if line.startswith("{"))
        records = [json.loads(line) for line in lines]
        return [record for record in records if record.get("event") == name]

    def wait_for(self, words: str, patience: float = PATIENCE) -> None:
        def heard() -> bool:
            if self.process.poll() is not None and words not in self.said():
                raise AssertionError(f"ended without saying {words!r}:\n{self.said()}")
            return words in self.said()

        wait_until(heard, f"{words!r} in {self.output.name}:\n{self.said()}", patience)

    def family(self) -> list[psutil.Process]:
        return [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, patience: float = PATIENCE) -> int:
        return self.process.wait(patience)


@dataclass
class House:
    """Everything lies below `folder`; `environ` is what each process gets on top."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    started: list[Running] = field(default_factory=list)
    server_url: str = ""
    client_token: str = ""
    last_upload_at: float = 0.0
    """When the last bytes of the last job were sent."""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def run(
        self, *words: str, environ: Mapping[str, str] | None = None, patience: float = PATIENCE
    ) -> subprocess.CompletedProcess[str]:
        """One verb, to its end."""
        return subprocess.run(
            [*AGENT, *words],
            cwd=self.folder,
            env=self._environ(environ),
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )

    def start(
        self, name: str, words: Sequence[str], environ: Mapping[str, str] | None = None
    ) -> Running:
        output = self.folder / f"{name}-{len(self.started)}.log"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [*AGENT, *words],
                cwd=self.folder,
                env=self._environ(environ),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        running = Running(process, output)
        self.started.append(running)
        return running

    def serve(self, *words: str, port: int = 0) -> Running:
        """A server with a client token, ready for requests."""
        server = self.start(
            "server", ["serve", "--data", str(self.data), "--port", str(port), *words]
        )
        address = re.compile(r"http://127\.0\.0\.1:\d+")
        wait_until(lambda: address.search(server.said()) or server.process.poll(), server.said())
        found = address.search(server.said())
        assert found is not None, server.said()
        self.server_url = found[0]
        if not self.client_token:
            self.token("client", "--client")
            self.client_token = (self.folder / "client.token").read_text().strip()
        return server

    def token(self, name: str, *words: str) -> Path:
        path = self.folder / f"{name}.token"
        made = self.run("token", "create", *words, "--data", str(self.data), "--out", str(path))
        assert made.returncode == 0, made.stderr
        return path

    def agent(self, name: str = "attic", *words: str, **environ: str) -> Running:
        """An agent at work; its spool and token are called after it."""
        path = self.folder / f"{name}.token"
        if not path.exists():
            self.token(name, "--agent", name)
        return self.start(
            name,
            [
                "run",
                *("--agent-id", name),
                *("--token-file", str(path)),
                *("--server-url", self.server_url),
                *("--spool", str(self.folder / f"spool-{name}")),
                *("--content-types", "audio,text"),
                *("--slots", "1"),
                *("--log-level", "debug"),
                *words,
            ],
            environ,
        )

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.server_url,
            headers={"Authorization": f"Bearer {self.client_token}"},
            timeout=30.0,
            trust_env=False,
        )

    def submit(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(
            "submit",
            *words,
            *("--server-url", self.server_url),
            *("--token-file", str(self.folder / "client.token")),
        )

    def create_job(
        self,
        content: bytes,
        filename: str = "note.txt",
        *,
        client: httpx.Client | None = None,
        **fields: Any,
    ) -> str:
        """A job with its input uploaded; gives its id."""
        if client is None:
            with self.client() as fresh:
                return self.create_job(content, filename, client=fresh, **fields)
        body = {"content_type": "text", "filename": filename, "size": len(content), **fields}
        created = client.post("/v1/jobs", json=body)
        assert created.status_code == 201, created.text
        self.last_upload_at = time.monotonic()
        if content:
            sent = client.patch(
                created.json()["upload"],
                content=content,
                headers={
                    "Tus-Resumable": "1.0.0",
                    "Upload-Offset": "0",
                    "Content-Type": "application/offset+octet-stream",
                },
            )
            assert sent.status_code == 204, sent.text
        return str(created.json()["job_id"])

    def cancel_all(self) -> None:
        with self.client() as client:
            for job in client.get("/v1/jobs", params={"state": "queued"}).json()["jobs"]:
                client.post(f"/v1/jobs/{job['job_id']}/cancel").raise_for_status()

    def job(self, job_id: str) -> dict[str, Any]:
        with self.client() as client:
            answer = client.get(f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ended(self, job_id: str, patience: float = PATIENCE) -> dict[str, Any]:
        """The job once it is completed, failed or cancelled."""
        final = {"completed", "failed", "cancelled"}
        wait_until(lambda: self.job(job_id)["state"] in final, f"the end of {job_id}", patience)
        return self.job(job_id)

    def artifact(self, job_id: str, name: str) -> bytes:
        with self.client() as client:
            answer = client.get(f"/v1/jobs/{job_id}/artifacts/{name}")
        assert answer.status_code == 200, answer.text
        return answer.content

    def close(self) -> None:
        for running in self.started:
            if running.process.poll() is None:
                running.process.kill()
            running.process.wait()

    def _environ(self, more: Mapping[str, str] | None) -> dict[str, str]:
        # Nobody's own settings may reach a test.
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MORAG_")}
        return {**kept, "HOME": str(self.folder), **self.environ, **(more or {})}


@contextmanager
def house_in(folder: Path) -> Iterator[House]:
    house = House(folder)
    try:
        yield house
    finally:
        house.close()
