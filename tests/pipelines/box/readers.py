"""Readers for tests: they run inside a box, started by `boxed_probe`."""

import errno
import json
import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path

from agent.model.ids import JsonObject
from agent.pipelines.box.request import Tell
from tests.pipelines.box import acts

Arguments = JsonObject


def echo(file: Path, scratch: Path, arguments: Arguments, tell: Tell) -> JsonObject:
    tell(0.5)
    text = file.read_text()
    (scratch / "copy.txt").write_text(text)
    return {"text": text, "arguments": arguments}


def try_acts(file: Path, scratch: Path, arguments: Arguments, _: Tell) -> JsonObject:
    """How each act ended: `done`, or the name of the error."""
    fields = json.loads(str(arguments["around"]))
    fields["secret"] = Path(fields["secret"])
    around = acts.Surroundings(file=file, scratch=scratch, **fields)
    groups = [vars(acts)[name] for name in str(arguments["groups"]).split()]
    return {name: _ending(act, around) for group in groups for name, act in group.items()}


def _ending(act: acts.Act, around: acts.Surroundings) -> str:
    try:
        act(around)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    except ValueError as error:  # what `resource` says for EPERM
        return "EPERM" if "not allowed" in str(error) else str(error)
    return "done"


def surroundings(_file: Path, _scratch: Path, _arguments: Arguments, _tell: Tell) -> JsonObject:
    """What a box is born with."""
    open_ones = [number for number in range(256) if _is_open(number)]
    return {
        "descriptors": len(open_ones),
        "environment": dict(os.environ),
        "path": list(sys.path),
        "folder": str(Path.cwd()),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "same_session": os.getsid(0) == os.getsid(os.getppid()),
    }


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def work_with_threads(
    _file: Path, _scratch: Path, _arguments: Arguments, _tell: Tell
) -> JsonObject:
    heard: list[int] = []
    threads = [threading.Thread(target=heard.append, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"heard": len(heard)}


def take_memory(_file: Path, _scratch: Path, arguments: Arguments, _tell: Tell) -> JsonObject:
    return {"size": len(bytearray(int(str(arguments["size"]))))}


def take_time(_file: Path, _scratch: Path, arguments: Arguments, _tell: Tell) -> JsonObject:
    if arguments.get("stubborn"):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
    while True:
        pass


def write_one_file(_file: Path, scratch: Path, arguments: Arguments, _tell: Tell) -> JsonObject:
    (scratch / "large").write_bytes(bytes(int(str(arguments["size"]))))
    return {}


def write_many_files(_file: Path, scratch: Path, arguments: Arguments, _tell: Tell) -> JsonObject:
    for number in range(int(str(arguments["count"]))):
        (scratch / f"{number}").write_bytes(bytes(int(str(arguments["size"]))))
    return {}


def fail(_file: Path, _scratch: Path, arguments: Arguments, _tell: Tell) -> JsonObject:
    """By an error of the system, with its number and text."""
    raise OSError(int(str(arguments["errno"])), str(arguments["text"]))


def name_a_thread(_file: Path, _scratch: Path, _arguments: Arguments, _tell: Tell) -> JsonObject:
    """As CUDA's driver does for each of its own."""
    comm = Path("/proc/self/task", str(threading.get_native_id()), "comm")
    comm.write_text("cuda")
    return {"named": comm.read_text(), "addresses": resource.getrlimit(resource.RLIMIT_AS)[1]}


def listen_locally(_file: Path, _scratch: Path, _arguments: Arguments, _tell: Tell) -> JsonObject:
    """As CUDA does when it starts: without that it does not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(f"\0cuda-{os.getpid()}")
        listener.listen()
    return {"listens": True}


def wait(_file: Path, _scratch: Path, _arguments: Arguments, tell: Tell) -> JsonObject:
    tell(0.0)
    threading.Event().wait()
    raise AssertionError


def lack_library(_file: Path, _scratch: Path, _arguments: Arguments, _tell: Tell) -> JsonObject:
    raise ImportError("libGL.so.1: cannot open shared object file")


def find_no_number(_file: Path, _scratch: Path, _arguments: Arguments, _tell: Tell) -> JsonObject:
    return {"number": float("nan")}


def find_half_a_character(
    _file: Path, _scratch: Path, _arguments: Arguments, _tell: Tell
) -> JsonObject:
    return {"text": "a\ud800b"}


def end(_file: Path, _scratch: Path, arguments: Arguments, _tell: Tell) -> JsonObject:
    """By that signal, after those words."""
    os.write(2, str(arguments.get("words", "")).encode())
    signal.raise_signal(int(str(arguments["signal"])))
    raise AssertionError
