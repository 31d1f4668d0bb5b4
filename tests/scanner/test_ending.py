"""The program ends at once, with its exit code, what it said and what was registered for the end."""

import subprocess
import sys
import textwrap

from scanner import ending


def run(code):
    code = "import atexit, sys, threading\nfrom scanner import ending\n" + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_code_is_kept_and_everything_is_written():
    said = run(
        """
        atexit.register(print, "registered")
        print("to stdout")
        print("to stderr", file=sys.stderr)
        ending.leave(SystemExit(3))
        """
    )
    assert said == (3, "to stdout\nregistered\n", "to stderr\n")


def test_an_exit_without_a_number_goes_its_usual_way():
    assert run("ending.leave(SystemExit('a word'))") == (1, "", "a word\n")


def test_other_threads_are_waited_for():
    code, stdout, _ = run(
        """
        waits = threading.Timer(0.2, print, ["from a thread"])
        waits.start()
        ending.leave(SystemExit(0))
        """
    )
    assert (code, stdout) == (0, "from a thread\n")


def test_nothing_is_held_where_the_process_goes_on():
    class Large:
        freed = False

        def __del__(self):
            Large.freed = True

    ending.keep(Large())
    assert Large.freed


def test_a_scan_that_shares_its_work_with_a_copy_writes_the_same(tmp_path):
    sharing = (
        "from connectors import forked\nfrom scanner import outputs\nfrom scanner.cli import main\n"
        "forked.processors, outputs._MANY = lambda: {}, 0\n"
        "sys.argv = ['entdrift', 'demo', '--quiet', '--no-history', '--output', {!r}]\nmain()\n"
    )
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert run(sharing.format(1, str(alone))) == (0, "", "")
    assert run(sharing.format(2, str(together))) == (0, "", "")
    names = sorted(path.relative_to(alone) for path in alone.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(together) for path in together.rglob("*") if path.is_file())
    for name in names:
        assert (alone / name).read_bytes() == (together / name).read_bytes(), name
