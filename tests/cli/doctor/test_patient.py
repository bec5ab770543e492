import threading
import time

from agent.cli.doctor.patient import Once
from agent.config import Settings
from tests.cli.doctor.patients import CARD, HANGS, WORKS, patient


def test_what_several_ask_for_is_looked_up_once() -> None:
    looks: list[float] = []

    def look() -> str:
        looks.append(time.monotonic())
        time.sleep(0.05)
        return "found"

    once, found = Once(look), []
    threads = [threading.Thread(target=lambda: found.append(once())) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == ["found"] * 5
    assert len(looks) == 1


def test_the_box_is_told_with_the_gpus_that_its_driver_sees() -> None:
    (gpu,) = patient(driver=WORKS).hardware().gpus

    assert (gpu.name, gpu.memory, gpu.driver) == (CARD.name, CARD.total, "570.86")
    assert patient(Settings(gpu=False), WORKS).hardware().gpus == ()
    assert patient(driver=HANGS).hardware().gpus == ()


def test_a_driver_that_hangs_is_known_to() -> None:
    assert patient(driver=HANGS).is_driver_stuck
    assert not patient(driver=WORKS).is_driver_stuck
    assert not patient(Settings(gpu=False), HANGS).is_driver_stuck


def test_the_children_of_this_agent_get_no_secret_to_see() -> None:
    who = patient(environ={"PATH": "/bin", "MORAG_AGENT_TOKEN": "hush", "HF_TOKEN": "hush"})

    assert who.child_environ["PATH"] == "/bin"
    assert "hush" not in str(who.child_environ)
