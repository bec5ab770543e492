"""A service of systemd: the machine's, as a user of its own, or a person's."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from agent.cli.installing.plan import NAME, Plan, Sheet, Site
from agent.cli.installing.quoting import unit_command, unit_value
from agent.cli.installing.units import about, environment, restarting, unit_file, wanted

SYSTEM_FOLDER = Path("/etc/systemd/system")
_STATE = f"/var/lib/{NAME}"
_CACHE = f"/var/cache/{NAME}"
_ITS_OWN = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 (looked for, not written to)
"""Folders of which the service sees others than everybody else: PrivateTmp."""
_WALLS = (
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectHome=read-only",
    "PrivateTmp=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
)
"""Nothing that stands in the way of the GPU's devices, or of the walls that the agent itself puts
up (Landlock, seccomp): no PrivateDevices, ProtectClock, MemoryDenyWriteExecute, ProtectProc."""


def systemd_plan(site: Site, user_folder: Path, its_own: Collection[Path] = _ITS_OWN) -> Plan:
    sheet = Sheet(f"{NAME}.service", unit_file(_sections(site)))
    folder = user_folder / "systemd/user" if site.is_user else SYSTEM_FOLDER
    commands = _for_a_person() if site.is_user else _for_the_machine()
    remarks = () if site.is_user else tuple(_remarks(site, its_own))
    return Plan(folder=folder, sheets=(sheet,), commands=commands, remarks=remarks)


def _sections(site: Site) -> Mapping[str, list[str]]:
    return {
        "Unit": list(about(site)),
        "Service": list(_service(site)),
        "Install": [wanted(site)],
    }


def _service(site: Site) -> Iterator[str]:
    yield "Type=notify"
    yield "NotifyAccess=main"
    yield "WatchdogSec=120"
    yield f"ExecStart={' '.join(_command(site))}"
    yield "ExecReload=/bin/kill -HUP $MAINPID"
    yield from restarting(site.stop_timeout_s)
    yield "# The agent ends its children itself, and outlives one that was out of memory."
    yield "KillMode=mixed"
    yield "OOMPolicy=continue"
    yield "UMask=0077"
    yield from environment(_variables(site))
    if site.is_user:
        # More needs a name space of users, in which CUDA does not start.
        yield "NoNewPrivileges=yes"
        return
    yield "DynamicUser=yes"
    yield f"StateDirectory={NAME}"
    yield f"CacheDirectory={NAME}"
    if site.token_file is not None:
        yield f"LoadCredential=token:{unit_value(str(site.token_file))}"
    if site.has_gpu:
        yield "# Without rights CUDA cannot make its device; a box without this program needs none."
        yield "ExecStartPre=-+/usr/bin/nvidia-modprobe -u -c=0"
    yield from _WALLS


def _command(site: Site) -> Iterator[str]:
    yield from (unit_command(str(site.python)), "-m", "agent", "run")
    if site.config is not None:
        yield from ("--config", unit_command(str(site.config)))
    if site.token_file is not None and not site.is_user:
        yield from ("--token-file", "${CREDENTIALS_DIRECTORY}/token")


def _variables(site: Site) -> Mapping[str, str]:
    models = {} if site.models is None else {"MORAG_AGENT_MODELS_FOLDER": str(site.models)}
    if site.is_user:
        own = {"MORAG_AGENT_SPOOL": str(site.spool)}
        if site.token_file is not None:
            own["MORAG_AGENT_TOKEN_FILE"] = str(site.token_file)
        return {**site.environment, **models, **own}
    own = {"MORAG_AGENT_SPOOL": f"{_STATE}/spool", "HOME": _STATE, "XDG_CACHE_HOME": _CACHE}
    return {**site.environment, **models, **own}


def _for_a_person() -> tuple[str, ...]:
    return (
        "systemctl --user daemon-reload",
        f"systemctl --user enable --now {NAME}",
        "loginctl enable-linger   # so that it also runs while you are not logged in",
        f"journalctl --user --unit {NAME} --follow",
    )


def _for_the_machine() -> tuple[str, ...]:
    return (
        "systemctl daemon-reload",
        f"systemctl enable --now {NAME}",
        f"journalctl --unit {NAME} --follow",
    )


def _remarks(site: Site, its_own: Collection[Path]) -> Iterator[str]:
    yield f"the service runs as a user of its own; its spool is {_STATE}/spool"
    if site.log_file is not None:
        yield f"it cannot write {site.log_file} (log.file): journalctl has the log"
    for path in filter(None, (site.python, site.config, site.models)):
        if any(path.is_relative_to(folder) for folder in its_own):
            yield (
                f"{path} is not there for the service, which has {_listed(its_own)} of its own:"
                " move it, or give --user for a service of yours"
            )
        elif (closed := _closed(path)) is not None:
            yield (
                f"{path} is out of that user's reach, because {closed} is closed to others:"
                " install into /opt, or give --user for a service of your own"
            )


def _listed(folders: Collection[Path]) -> str:
    return " and ".join(f"a {folder}" for folder in folders)


def _closed(path: Path) -> Path | None:
    """The first folder on the way that a stranger may not enter."""
    for folder in reversed(path.absolute().parents):
        if folder.is_dir() and not folder.stat().st_mode & 0o001:
            return folder
    return None
