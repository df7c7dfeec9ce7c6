"""The process from which workers are forked."""

import os
import signal
import subprocess
import sys

import pytest

INTERRUPTED = """
import os, signal, time
from multiprocessing import forkserver
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(True))
from ddaudit.training import worker_server
worker_server.begin()
print("begun", flush=True)
while not seen:
    time.sleep(0.05)
time.sleep(1)  # for the server to complain
print("running" if os.waitpid(forkserver._forkserver._forkserver_pid, os.WNOHANG) == (0, 0) else "ended")
"""


@pytest.mark.skipif(os.name != "posix", reason="there are no process groups to interrupt")
def test_the_server_does_not_see_ctrl_c_while_it_imports():
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout.readline() == "begun\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
        out, said = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert out == "running\n"
    assert said == ""
