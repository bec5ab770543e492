"""The box as the server's fleet page shows it."""

from dataclasses import dataclass

from agent.model.ids import Bytes


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    memory: Bytes
    driver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    cpu_cores: int
    memory: Bytes
    disk_free: Bytes
    """Of the file system that holds the spool."""
    gpus: tuple[Gpu, ...]
    hostname: str
