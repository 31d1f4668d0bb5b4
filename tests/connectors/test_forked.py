"""Work shared with a copy of the process comes to the same, whatever becomes of the copy."""

import subprocess
import sys
import textwrap

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")


def run(code: str) -> list[str]:
    """Run a script in a process of its own, which has one thread, and return its lines."""
    before = "import os, time\nfrom connectors import forked\nforked.processors = lambda: 2\n"
    done = subprocess.run(
        [sys.executable, "-c", before + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


HALVES = "print(forked.in_halves([1, 2, 3, 4, 5], lambda some: (list(some), os.getpid()), from_items={}))"


@linux
def test_each_half_is_worked_on_by_a_process_of_its_own():
    [line] = run(HALVES.format(5))
    first, second = eval(line)  # noqa: S307 our own script wrote it
    assert (first[0], second[0]) == ([1, 2], [3, 4, 5])
    assert first[1] != second[1]


def test_few_items_are_not_worth_a_process():
    [line] = run(HALVES.format(6))
    [(items, _)] = eval(line)  # noqa: S307 as above
    assert items == [1, 2, 3, 4, 5]


def test_a_process_with_other_threads_does_all_itself():
    [line] = run(
        f"""
        import threading
        hold = threading.Event()
        threading.Thread(target=hold.wait, daemon=True).start()
        {HALVES.format(5)}
        """
    )
    first, second = eval(line)  # noqa: S307 as above
    assert first[1] == second[1]


@linux
def test_what_a_killed_copy_leaves_is_done_here():
    lines = run(
        """
        me = os.getpid()
        def work():
            if os.getpid() != me:
                os.kill(os.getpid(), 9)
            return "done here"
        with forked.elsewhere(work) as begun:
            print(begun.result())
        """
    )
    assert lines == ["done here"]


@linux
def test_an_error_of_the_work_is_raised_here():
    lines = run(
        """
        try:
            with forked.elsewhere(lambda: 1 / 0) as begun:
                begun.result()
        except ZeroDivisionError as error:
            print(error)
        """
    )
    assert lines == ["division by zero"]


@linux
def test_a_copy_that_nobody_waits_for_ends_with_the_block():
    lines = run(
        """
        with forked.elsewhere(lambda: time.sleep(600)):
            pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            print("no child left")
        """
    )
    assert lines == ["no child left"]
