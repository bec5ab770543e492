import array
import json
import logging
import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agent.edges.journald import JournalHandler, is_our_stderr

Entry = dict[str, str]


class Journal:
    """The journal's end of the socket, reading entries as its protocol says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(10.0)

    def entry(self) -> Entry:
        raw, passed, _, _ = self._socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
        for _, _, rights in passed:
            (number,) = array.array("i", rights)
            with os.fdopen(number, "rb") as file, mmap.mmap(number, 0, prot=mmap.PROT_READ) as seen:
                raw = seen[:]
                with pytest.raises(PermissionError):  # sealed: nobody changes it while it is read
                    os.pwrite(file.fileno(), b"x", 0)
        return fields_of(raw)

    def close(self) -> None:
        self._socket.close()


def fields_of(raw: bytes) -> Entry:
    fields: Entry = {}
    while raw:
        head, _, rest = raw.partition(b"\n")
        name, equals, value = head.partition(b"=")
        if equals:
            fields[name.decode()] = value.decode()
            raw = rest
        else:
            length = int.from_bytes(rest[:8], "little")
            fields[name.decode()] = rest[8 : 8 + length].decode()
            assert rest[8 + length : 9 + length] == b"\n"
            raw = rest[9 + length :]
    return fields


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal")
    yield journal
    journal.close()


@pytest.fixture
def handler(journal: Journal) -> Iterator[JournalHandler]:
    handler = JournalHandler(journal.path)
    yield handler
    handler.close()


def say(handler: JournalHandler, event: Mapping[str, object], level: int = logging.INFO) -> None:
    handler.handle(logging.LogRecord("x", level, "", 0, json.dumps(event), None, None))


def test_each_field_can_be_searched_for(journal: Journal, handler: JournalHandler) -> None:
    event = {
        "timestamp": "2026-11-01T00:00:00Z",
        "level": "warning",
        "event": "lease.lost",
        "job_id": "j1",
        "ttl_s": 90,
        "räum-e": None,
    }
    say(handler, event, logging.WARNING)

    assert journal.entry() == {
        "MESSAGE": "lease.lost job_id=j1 ttl_s=90 räum-e=null",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "morag-agent",
        "MORAG_EVENT": "lease.lost",
        "MORAG_JOB_ID": "j1",
        "MORAG_TTL_S": "90",
        "MORAG_R_UM_E": "null",
    }


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, "7"), (logging.INFO, "6"), (logging.ERROR, "3"), (logging.CRITICAL, "2")],
)
def test_levels_are_the_priorities_of_syslog(
    journal: Journal, handler: JournalHandler, level: int, priority: str
) -> None:
    say(handler, {"event": "x"}, level)

    assert journal.entry()["PRIORITY"] == priority


def test_a_traceback_keeps_its_lines(journal: Journal, handler: JournalHandler) -> None:
    say(handler, {"event": "job.broke", "exception": "Traceback:\n  a = b\nValueError"})

    entry = journal.entry()
    assert entry["MESSAGE"] == "job.broke\nTraceback:\n  a = b\nValueError"
    assert entry["MORAG_EXCEPTION"] == "Traceback:\n  a = b\nValueError"


def test_no_field_of_a_line_can_pretend_to_be_another(
    journal: Journal, handler: JournalHandler
) -> None:
    event = {"event": "job.failed", "message": "x\nPRIORITY=0\n", "a=b\nPRIORITY": "0"}
    say(handler, event)

    entry = journal.entry()
    assert entry["PRIORITY"] == "6"
    assert entry["MORAG_MESSAGE"] == "x\nPRIORITY=0\n"
    assert entry["MORAG_A_B_PRIORITY"] == "0"


def test_what_is_too_large_for_a_datagram_goes_as_a_sealed_file(
    journal: Journal, handler: JournalHandler
) -> None:
    say(handler, {"event": "job.broke", "exception": "x" * 2_000_000})

    assert len(journal.entry()["MORAG_EXCEPTION"]) == 2_000_000


def test_without_a_journal_the_line_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = JournalHandler(tmp_path / "nobody")
    say(handler, {"event": "lease.lost"})
    handler.close()

    assert json.loads(capsys.readouterr().err) == {"event": "lease.lost"}


ASKS = """
import os, sys
from agent.edges.journald import is_our_stderr
found = os.fstat(2)
stream = f"{found.st_dev}:{found.st_ino + int(sys.argv[1])}"
print(is_our_stderr({"JOURNAL_STREAM": stream}))
"""


@pytest.mark.parametrize(("off_by", "is_ours"), [("0", "True\n"), ("1", "False\n")])
def test_only_a_standard_error_that_is_still_the_journals_counts(off_by: str, is_ours: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", ASKS, off_by], capture_output=True, text=True, check=True
    )

    assert told.stdout == is_ours


@pytest.mark.parametrize("stream", ["", "1", "a:b"])
def test_elsewhere_there_is_no_journal(stream: str) -> None:
    assert not is_our_stderr({"JOURNAL_STREAM": stream})
    assert not is_our_stderr({})


LOGS = """
import os, sys, structlog
from pathlib import Path
from agent.edges import journald
from agent.edges.logs import set_up
journald.JournalHandler.__init__.__defaults__ = (Path(sys.argv[1]),)
found = os.fstat(2)
set_up(secrets=["s3cret"], environ={"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
with structlog.contextvars.bound_contextvars(job_id="j1"):
    structlog.get_logger().info("lease.renewed", url="https://a/b?sig=1", why="s3cret")
"""


def test_under_systemd_the_log_goes_to_the_journal_without_secrets(journal: Journal) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOGS, str(journal.path)], capture_output=True, text=True, check=True
    )

    entry = journal.entry()
    assert ran.stderr == ""
    assert entry["MORAG_EVENT"] == "lease.renewed"
    assert entry["MORAG_JOB_ID"] == "j1"
    assert entry["MORAG_URL"] == "https://a/b?***"
    assert "s3cret" not in str(entry)
