import os
import pty
import re
import subprocess
import sys

import pytest

from regraft._progress import progress

SCRIPT = """
import sys, time
from regraft._progress import progress
with progress("Working", int(sys.argv[1]), sys.argv[2]) as advance:
    for _ in range(4):
        advance(int(sys.argv[1]) // 4)
        time.sleep(0.15)
print("result")
"""


def on_a_terminal(total: str, unit: str) -> tuple[str, str]:
    """What a process writes to stdout, and to a terminal on its stderr."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    command = [sys.executable, "-c", SCRIPT, total, unit]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment, text=True)
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 4096):
            shown += block
    except OSError:  # Linux ends a terminal so
        pass
    os.close(ours)
    result, _ = process.communicate()
    assert process.returncode == 0
    return result, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def test_a_bar_on_a_terminal_and_the_result_alone_on_stdout() -> None:
    result, shown = on_a_terminal("1000", "images")
    assert result == "result\n"
    assert "Working" in shown
    assert "1000/1000" in shown
    assert re.search(r"\d+ images/s", shown)
    assert re.search(r"left +(\d:\d\d:\d\d|-:--:--)", shown)


def test_bytes_are_counted_in_megabytes() -> None:
    _, shown = on_a_terminal("8000000", "bytes")
    assert "8.0/8.0 MB" in shown
    assert re.search(r"\d+\.\d MB/s", shown)


def test_nothing_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with progress("Working", 3) as advance:
        advance(1)
        advance(2)
    assert capfd.readouterr() == ("", "")


def test_nothing_where_there_is_no_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with progress("Working", 3) as advance:
        advance(3)
