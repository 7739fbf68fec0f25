"""How the script ends: at once, with everything said, what is due at an exit done, and the command's code."""

from __future__ import annotations

import subprocess
import sys

import pytest

RUN = (
    "import sys, atexit; sys.argv = ['fleetspec', *{arguments!r}]; from fleetspec.__main__ import run; {before}; run()"
)


def ended(*arguments: str, before: str = "pass") -> subprocess.CompletedProcess[str]:
    program = RUN.format(arguments=list(arguments), before=before)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.parametrize(("arguments", "code"), [(("--version",), 0), (("validate", "absent.yaml"), 1), (("pln",), 64)])
def test_the_code_is_the_commands(arguments: tuple[str, ...], code: int) -> None:
    assert ended(*arguments).returncode == code


def test_what_is_due_at_an_exit_is_done_before_it() -> None:
    done = ended("--version", before="atexit.register(print, 'put away')")
    assert done.stdout.splitlines()[-1] == "put away"
    assert done.returncode == 0


def test_all_of_a_long_answer_arrives() -> None:
    whole = ended("explain", "FS201").stdout
    assert whole.endswith("\n")
    assert len(ended("schema").stdout) > 65_536


def test_other_threads_are_waited_for() -> None:
    thread = "import threading, time; threading.Thread(target=lambda: (time.sleep(0.3), print('last'))).start()"
    assert ended("--version", before=thread).stdout.splitlines()[-1] == "last"
