"""The filter of system calls: what it refuses, and what Python still can do."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from arena.game.sandbox.jail.seccomp import DENIED, MACHINES, assemble

TRY = """
import errno, importlib.util, os, socket, sys, threading
spec = importlib.util.spec_from_file_location("seccomp_alone", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["seccomp_alone"] = module
spec.loader.exec_module(module)
started = threading.Event()
early = threading.Thread(target=lambda: (started.wait(), refused(os.fork)))
def refused(call):
    try:
        call()
    except OSError as error:
        print(errno.errorcode[error.errno])
    else:
        print("allowed")
early.start()
module.forbid()
started.set()
early.join()
refused(os.fork)
refused(lambda: os.execv("/bin/true", ["true"]))
refused(lambda: socket.socket(socket.AF_INET))
refused(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
refused(lambda: os.memfd_create("hidden"))
late = threading.Thread(target=lambda: print("thread"))
late.start()
late.join()
socket.socketpair()
print(len(open("/proc/self/status").read()) > 0)
"""


@pytest.mark.skipif(platform.machine() not in MACHINES, reason="no table for this processor")
def test_processes_and_sockets_are_refused_on_every_thread_and_threads_are_not() -> None:
    from arena.game.sandbox.jail import seccomp

    done = subprocess.run(
        [sys.executable, "-c", TRY, str(seccomp.__file__)], capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["EPERM"] * 6 + ["thread", "True"]


@pytest.mark.parametrize("name", MACHINES)
def test_every_denied_call_has_a_number(name: str) -> None:
    machine = MACHINES[name]
    absent = {"fork", "vfork"} if name == "aarch64" else set()
    assert set(DENIED) - set(machine.calls) == absent
    assert len(set(machine.calls.values())) == len(machine.calls)
    assert len(assemble(machine)) % 8 == 0
