"""Which system calls a box must not make, by name, with their numbers.

It is a list of what is forbidden, for libraries differ too much in what they need. What is newer
than the list does not exist in a box: it is answered as an older kernel would.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

NEWEST = 462
"""`mseal` of Linux 6.10. Since 424 a call has the same number everywhere."""


class Numbers(NamedTuple):
    x86_64: int
    aarch64: int | None
    """Younger architectures have left out what others replace."""


@dataclass(frozen=True, slots=True)
class Architecture:
    name: str
    audit: int
    """What the kernel calls it: `AUDIT_ARCH_…`."""

    def number(self, call: Numbers) -> int | None:
        return call.x86_64 if self.name == "x86_64" else call.aarch64


ARCHITECTURES = {
    "x86_64": Architecture("x86_64", 0xC000003E),
    "aarch64": Architecture("aarch64", 0xC00000B7),
}


def this_architecture() -> Architecture | None:
    return ARCHITECTURES.get(platform.machine())


FORBIDDEN: Mapping[str, Numbers] = {
    # Memory, files and fate of other processes.
    "ptrace": Numbers(101, 117),
    "process_vm_readv": Numbers(310, 270),
    "process_vm_writev": Numbers(311, 271),
    "process_madvise": Numbers(440, 440),
    "process_mrelease": Numbers(448, 448),
    "kcmp": Numbers(312, 272),
    "pidfd_open": Numbers(434, 434),
    "pidfd_getfd": Numbers(438, 438),
    "pidfd_send_signal": Numbers(424, 424),
    "perf_event_open": Numbers(298, 241),
    "move_pages": Numbers(279, 239),
    "migrate_pages": Numbers(256, 238),
    # `kill` and `tgkill` may reach oneself; these are for others.
    "tkill": Numbers(200, 130),
    "rt_sigqueueinfo": Numbers(129, 138),
    "rt_tgsigqueueinfo": Numbers(297, 240),
    # Programs, processes, sessions, users and name spaces of one's own.
    "execve": Numbers(59, 221),
    "execveat": Numbers(322, 281),
    "fork": Numbers(57, None),
    "vfork": Numbers(58, None),
    "setsid": Numbers(112, 157),
    "setpgid": Numbers(109, 154),
    "unshare": Numbers(272, 97),
    "setns": Numbers(308, 268),
    "setuid": Numbers(105, 146),
    "setgid": Numbers(106, 144),
    "setreuid": Numbers(113, 145),
    "setregid": Numbers(114, 143),
    "setresuid": Numbers(117, 147),
    "setresgid": Numbers(119, 149),
    "setfsuid": Numbers(122, 151),
    "setfsgid": Numbers(123, 152),
    "setgroups": Numbers(116, 159),
    "capset": Numbers(126, 91),
    "personality": Numbers(135, 92),
    # Local sockets, too: they lead to the session bus, to containers and to the agent.
    "socket": Numbers(41, 198),
    "bind": Numbers(49, 200),
    "connect": Numbers(42, 203),
    "listen": Numbers(50, 201),
    "accept": Numbers(43, 202),
    "accept4": Numbers(288, 242),
    # Memory, queues and keys that other processes of the same user see.
    "shmget": Numbers(29, 194),
    "shmat": Numbers(30, 196),
    "shmctl": Numbers(31, 195),
    "semget": Numbers(64, 190),
    "semop": Numbers(65, 193),
    "semtimedop": Numbers(220, 192),
    "semctl": Numbers(66, 191),
    "msgget": Numbers(68, 186),
    "msgsnd": Numbers(69, 189),
    "msgrcv": Numbers(70, 188),
    "msgctl": Numbers(71, 187),
    "mq_open": Numbers(240, 180),
    "mq_unlink": Numbers(241, 181),
    "mq_timedsend": Numbers(242, 182),
    "mq_timedreceive": Numbers(243, 183),
    "mq_notify": Numbers(244, 184),
    "mq_getsetattr": Numbers(245, 185),
    "add_key": Numbers(248, 217),
    "request_key": Numbers(249, 218),
    "keyctl": Numbers(250, 219),
    # What files are where.
    "mount": Numbers(165, 40),
    "umount2": Numbers(166, 39),
    "pivot_root": Numbers(155, 41),
    "chroot": Numbers(161, 51),
    "open_tree": Numbers(428, 428),
    "move_mount": Numbers(429, 429),
    "fsopen": Numbers(430, 430),
    "fsconfig": Numbers(431, 431),
    "fsmount": Numbers(432, 432),
    "fspick": Numbers(433, 433),
    "mount_setattr": Numbers(442, 442),
    "quotactl": Numbers(179, 60),
    "quotactl_fd": Numbers(443, 443),
    "swapon": Numbers(167, 224),
    "swapoff": Numbers(168, 225),
    "acct": Numbers(163, 89),
    # Attributes of any file: Landlock allows them.
    "setxattr": Numbers(188, 5),
    "lsetxattr": Numbers(189, 6),
    "fsetxattr": Numbers(190, 7),
    "removexattr": Numbers(197, 14),
    "lremovexattr": Numbers(198, 15),
    "fremovexattr": Numbers(199, 16),
    # Files by handle and by name only, from before Landlock's third ABI; links; watching.
    "open_by_handle_at": Numbers(304, 265),
    "name_to_handle_at": Numbers(303, 264),
    "truncate": Numbers(76, 45),
    "mknod": Numbers(133, None),
    "mknodat": Numbers(259, 33),
    "symlink": Numbers(88, None),
    "symlinkat": Numbers(266, 36),
    "lookup_dcookie": Numbers(212, 18),
    "fanotify_init": Numbers(300, 262),
    "fanotify_mark": Numbers(301, 263),
    "inotify_init": Numbers(253, None),
    "inotify_init1": Numbers(294, 26),
    "inotify_add_watch": Numbers(254, 27),
    # Large parts of the kernel that no decoder needs and many an exploit did.
    "bpf": Numbers(321, 280),
    "io_uring_setup": Numbers(425, 425),
    "io_uring_enter": Numbers(426, 426),
    "io_uring_register": Numbers(427, 427),
    "userfaultfd": Numbers(323, 282),
    "vmsplice": Numbers(278, 75),
    "modify_ldt": Numbers(154, None),
    "uselib": Numbers(134, None),
    # What others get of the processor.
    "setpriority": Numbers(141, 140),
    "ioprio_set": Numbers(251, 30),
    "sched_setscheduler": Numbers(144, 119),
    "sched_setparam": Numbers(142, 118),
    "sched_setattr": Numbers(314, 274),
    # The machine itself.
    "reboot": Numbers(169, 142),
    "kexec_load": Numbers(246, 104),
    "kexec_file_load": Numbers(320, 294),
    "init_module": Numbers(175, 105),
    "finit_module": Numbers(313, 273),
    "delete_module": Numbers(176, 106),
    "settimeofday": Numbers(164, 170),
    "clock_settime": Numbers(227, 112),
    "clock_adjtime": Numbers(305, 266),
    "adjtimex": Numbers(159, 171),
    "sethostname": Numbers(170, 161),
    "setdomainname": Numbers(171, 162),
    "syslog": Numbers(103, 116),
    "vhangup": Numbers(153, 58),
    "iopl": Numbers(172, None),
    "ioperm": Numbers(173, None),
}

PRETENDED: Mapping[str, Numbers] = {
    "chmod": Numbers(90, None),
    "fchmod": Numbers(91, 52),
    "fchmodat": Numbers(268, 53),
    "fchmodat2": Numbers(452, 452),
    "chown": Numbers(92, None),
    "fchown": Numbers(93, 55),
    "lchown": Numbers(94, None),
    "fchownat": Numbers(260, 54),
    "utime": Numbers(132, None),
    "utimes": Numbers(235, None),
    "futimesat": Numbers(261, None),
    "utimensat": Numbers(280, 88),
}
"""Mode, owner and times of any file, which Landlock would allow: they are answered with success and
not done. Libraries set them on files of their own, and give up where they cannot."""

JUDGED: Mapping[str, Numbers] = {
    "clone": Numbers(56, 220),
    "clone3": Numbers(435, 435),
    "openat2": Numbers(437, 437),
    "open": Numbers(2, None),
    "openat": Numbers(257, 56),
    "socketpair": Numbers(53, 199),
    "kill": Numbers(62, 129),
    "tgkill": Numbers(234, 131),
    "prlimit64": Numbers(302, 261),
    "sched_setaffinity": Numbers(203, 122),
    "prctl": Numbers(157, 167),
    "ioctl": Numbers(16, 29),
}
"""Forbidden with some arguments only; `seccomp` has the rules."""

SECCOMP = Numbers(317, 277)
