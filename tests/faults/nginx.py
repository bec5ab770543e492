"""A real nginx on loopback that serves one folder; it can be killed and started again."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.server.sockets import free_port

CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    absolute_redirect off;
    {temporary}
    server {{
        listen 127.0.0.1:{port};
        root {files};
        location /moved/ {{ return 307 /$arg_to; }}
    }}
}}
"""
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files = folder / "files"
        self.files.mkdir(parents=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        config = self._folder / "nginx.conf"
        temporary = "\n    ".join(
            f"{name}_temp_path {self._folder}/temporary;" for name in TEMPORARY
        )
        config.write_text(
            CONFIG.format(
                folder=self._folder, files=self.files, port=self.port, temporary=temporary
            )
        )
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        errors = ("-e", str(self._folder / "error.log"))
        self._process = subprocess.Popen([program, "-c", str(config), *errors])
        self._wait()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                httpx.get(self.url, trust_env=False)
            except httpx.TransportError:
                assert time.monotonic() < deadline, (self._folder / "error.log").read_text()
                time.sleep(0.02)
            else:
                return


@contextmanager
def nginx_in(folder: Path) -> Iterator[Nginx]:
    nginx = Nginx(folder)
    nginx.start()
    try:
        yield nginx
    finally:
        nginx.kill()
