"""Does what its first word says."""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    words: tuple[str, ...]


def main(deed: str) -> None:
    match deed:
        case "answer":
            print(json.dumps({"words": sys.argv[1:]}))
        case "chatter":
            print("a library says hello")
        case "fail":
            sys.exit("ImportError: no such thing")
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)
        case _:
            raise AssertionError(deed)


if __name__ == "__main__":
    main(sys.argv[1])
