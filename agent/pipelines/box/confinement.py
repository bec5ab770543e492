"""The kernel's walls around a box: put up in its process, before the file is touched."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from agent.model.ids import JsonValue
from agent.pipelines.box.kernel import (
    CAP_DAC_READ_SEARCH,
    forbid_new_privileges,
    give_up_capabilities,
    hide_from_others,
)
from agent.pipelines.box.landlock import landlock_abi, restrict_files
from agent.pipelines.box.places import rules_for
from agent.pipelines.box.seccomp import restrict_calls, seccomp_is_possible

Wall: TypeAlias = str
LANDLOCK, SECCOMP = "landlock", "seccomp"
ALL_WALLS = frozenset({LANDLOCK, SECCOMP})


@dataclass(frozen=True, slots=True)
class Walls:
    """What holds, or could."""

    landlock: int = 0
    """Its ABI; 0 for none."""
    seccomp: bool = False

    @property
    def are_whole(self) -> bool:
        return self.landlock > 0 and self.seccomp

    def __str__(self) -> str:
        if self.are_whole:
            return f"Landlock (ABI {self.landlock}) and seccomp"
        if self.landlock:
            return f"Landlock (ABI {self.landlock}), but no seccomp"
        return "seccomp, but no Landlock" if self.seccomp else "neither Landlock nor seccomp"

    def as_json(self) -> dict[str, JsonValue]:
        return {LANDLOCK: self.landlock, SECCOMP: self.seccomp}


def state() -> Walls:
    """What this kernel offers; nothing is put up."""
    if sys.platform != "linux":
        return Walls()
    return Walls(landlock_abi(), seccomp_is_possible())


def confine(
    file: Path, scratch: Path, wanted: frozenset[Wall] = ALL_WALLS, *, gpu: bool = False
) -> Walls:
    """Put up those of `wanted` that this kernel has, for good, and say which hold.

    Call it before there are threads: Landlock would leave those outside.
    """
    if sys.platform != "linux" or not wanted:
        return Walls()
    forbid_new_privileges()
    if not gpu:
        # The driver writes to /proc/self, which would then belong to root.
        hide_from_others()
    landlock = _landlock(file, scratch, gpu=gpu) if LANDLOCK in wanted else 0
    # Behind Landlock, root may go on reading the files of others: it reaches none but ours.
    give_up_capabilities(but=frozenset({CAP_DAC_READ_SEARCH} if landlock else ()))
    return Walls(landlock, _seccomp(gpu=gpu) if SECCOMP in wanted else False)


def _landlock(file: Path, scratch: Path, *, gpu: bool) -> int:
    abi = landlock_abi()
    if not abi:
        return 0
    try:
        restrict_files(rules_for(file, scratch, gpu=gpu))
    except OSError:
        return 0
    return abi


def _seccomp(*, gpu: bool) -> bool:
    try:
        restrict_calls(gpu=gpu)
    except OSError:
        return False
    return True
