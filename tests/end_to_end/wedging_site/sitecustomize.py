"""In every process of a test that puts this folder on its path: SIGUSR2 blocks the event loop."""

import signal
import time


def _stand_still(_number: int, _frame: object) -> None:
    time.sleep(3600)


signal.signal(signal.SIGUSR2, _stand_still)
