"""The system calls that a stranger's process is refused: a BPF program, assembled here.

A deny-list needs three instructions of the classic BPF machine, so the program is assembled by the
few lines below; the alternatives are a binding that is no longer maintained and a compiler at run
time. It is put on every thread of the process just before a stranger's code is loaded: Python and
torch are up by then, and nothing has to be started any more.

Sources: Linux, Documentation/userspace-api/seccomp_filter.rst; include/uapi/linux/filter.h and
seccomp.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_THREAD = 0x00010000  # CLONE_THREAD
_AF_UNIX = 1
_FOREIGN_ABI = 0x40000000  # the x32 calls of x86_64
_SET_NO_NEW_PRIVILEGES, _SET_FILTER, _ALL_THREADS = 38, 1, 1

_NEW_PROCESSES = ("fork", "vfork", "execve", "execveat")
_OTHERS = ("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd")
_MOUNTS = (
    "mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "open_tree", "move_mount",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "name_to_handle_at",
    "open_by_handle_at",
)  # fmt: skip
_KERNEL = (
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "kexec_load", "kexec_file_load", "init_module", "finit_module",
    "delete_module", "keyctl", "add_key", "request_key", "personality", "swapon", "swapoff",
    "reboot", "acct", "quotactl", "syslog",
)  # fmt: skip
_HIDDEN_MEMORY = ("memfd_create", "memfd_secret", "shmget")  # that no limit counts
DENIED = (*_NEW_PROCESSES, *_OTHERS, *_MOUNTS, *_KERNEL, *_HIDDEN_MEMORY)


@dataclass(frozen=True)
class Machine:
    """A processor's name in the kernel's audit interface, and its numbers of system calls."""

    audit: int
    seccomp: int
    calls: Mapping[str, int]


def _numbered(text: str) -> Mapping[str, int]:
    words = text.split()
    return MappingProxyType(dict(zip(words[::2], map(int, words[1::2]), strict=True)))


_X86_64 = _numbered("""
    fork 57 vfork 58 execve 59 execveat 322 clone 56 clone3 435 socket 41 ptrace 101
    process_vm_readv 310 process_vm_writev 311 pidfd_getfd 438 mount 165 umount2 166 pivot_root 155
    chroot 161 unshare 272 setns 308 open_tree 428 move_mount 429 fsopen 430 fsconfig 431
    fsmount 432 fspick 433 mount_setattr 442 name_to_handle_at 303 open_by_handle_at 304 bpf 321
    perf_event_open 298 userfaultfd 323 io_uring_setup 425 io_uring_enter 426 io_uring_register 427
    kexec_load 246 kexec_file_load 320 init_module 175 finit_module 313 delete_module 176
    keyctl 250 add_key 248 request_key 249 personality 135 swapon 167 swapoff 168 reboot 169
    acct 163 quotactl 179 syslog 103 memfd_create 319 memfd_secret 447 shmget 29
""")
_AARCH64 = _numbered("""
    execve 221 execveat 281 clone 220 clone3 435 socket 198 ptrace 117
    process_vm_readv 270 process_vm_writev 271 pidfd_getfd 438 mount 40 umount2 39 pivot_root 41
    chroot 51 unshare 97 setns 268 open_tree 428 move_mount 429 fsopen 430 fsconfig 431
    fsmount 432 fspick 433 mount_setattr 442 name_to_handle_at 264 open_by_handle_at 265 bpf 280
    perf_event_open 241 userfaultfd 282 io_uring_setup 425 io_uring_enter 426 io_uring_register 427
    kexec_load 104 kexec_file_load 294 init_module 105 finit_module 273 delete_module 106
    keyctl 219 add_key 217 request_key 218 personality 92 swapon 224 swapoff 225 reboot 142
    acct 89 quotactl 60 syslog 116 memfd_create 279 memfd_secret 447 shmget 194
""")
MACHINES: Mapping[str, Machine] = MappingProxyType(
    {
        "x86_64": Machine(0xC000003E, 317, _X86_64),
        "aarch64": Machine(0xC00000B7, 277, _AARCH64),
    }
)


def assemble(machine: Machine) -> bytes:
    """Return the filter as the kernel takes it: an array of `struct sock_filter`.

    Refused with EPERM are new processes (threads are allowed), sockets other than those of the
    machine's own file system, and the calls of `DENIED`; a foreign processor's calls end the
    process. `clone3`, whose flags a filter cannot read, is said not to exist: libraries fall back
    to `clone`.
    """
    calls = machine.calls
    refuse, absent = _REFUSE | errno.EPERM, _REFUSE | errno.ENOSYS
    lines = [
        _line(_LOAD, _MACHINE),
        _line(_EQUAL, machine.audit, 1, 0),
        _line(_RETURN, _KILL),
        _line(_LOAD, _NUMBER),
        _line(_AT_LEAST, _FOREIGN_ABI, 0, 1),
        _line(_RETURN, _KILL),
        *_when(calls["clone3"], [_line(_RETURN, absent)]),
        *_when(calls["clone"], _unless(_ANY_BIT, _THREAD, refuse)),
        *_when(calls["socket"], _unless(_EQUAL, _AF_UNIX, refuse)),
    ]
    for name in DENIED:
        if name in calls:
            lines += _when(calls[name], [_line(_RETURN, refuse)])
    return b"".join([*lines, _line(_RETURN, _ALLOW)])


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _when(number: int, lines: list[bytes]) -> list[bytes]:
    """Return lines that are run for one system call and skipped for all others."""
    return [_line(_EQUAL, number, 0, len(lines)), *lines]


def _unless(test: int, value: int, otherwise: int) -> list[bytes]:
    """Return lines that allow a call whose first argument passes a test, and end all others."""
    return [
        _line(_LOAD, _FIRST_ARGUMENT),
        _line(test, value, 0, 1),
        _line(_RETURN, _ALLOW),
        _line(_RETURN, otherwise),
    ]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_char_p))


def forbid() -> None:
    """Put the filter on every thread of this process, for good.

    Raises:
        OSError: the kernel does not take it. KeyError: no table for this processor.
    """
    machine = MACHINES[platform.machine()]
    code = assemble(machine)
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs is refused")
    found = libc.syscall(machine.seccomp, _SET_FILTER, _ALL_THREADS, ctypes.byref(program))
    if found != 0:
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")
