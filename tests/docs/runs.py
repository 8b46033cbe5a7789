"""Runs the blocks of a page in a folder and a home of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.docs.loosely import differences, has_all
from tests.docs.pages import Block

DEADLINE_S = 60.0
ROOT = Path(__file__).parents[2]
HOME_SHOWN = "/home/you"
_COMMAND = re.compile(r"^\$ (.*)$")


@dataclass(slots=True)
class Command:
    """A command, what is shown below it, and whether the page says that it fails ("$ echo $?" follows)."""

    text: str
    shown: str = ""
    may_fail: bool = False


class Page:
    """Runs a page.

    Args:
        folder: empty, with a short path: the sockets of runs lie below it.
    """

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.work = self.home / "work"
        self.work.mkdir(parents=True)
        (self.work / "examples").symlink_to(ROOT / "examples")
        self._status = 0
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        keep = {name: value for name, value in os.environ.items() if name.startswith(("NEPI_TEST", "LANG", "TMPDIR"))}
        self.env = {**keep, "HOME": str(self.home), "PATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}

    def run(self, blocks: list[Block]) -> list[str]:
        """Run blocks in order; return what went otherwise than the page says."""
        problems: list[str] = []
        printed = ""
        for block in blocks:
            word, argument = block.comment
            found: list[str] = []
            if word == "not run":
                continue
            if word == "file":
                file = self.work / argument
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text, encoding="utf-8")
            elif word == "output":
                found = differences(block.text, printed)
            elif block.language == "python":
                printed, found = self._python(block.text if word != "within" else within(argument, block.text))
            elif block.language == "console":
                found = self._console(block.text)
            problems += [f"{block.place}: {one}" for one in found]
        session = "".join(block.text + "\n" for block in blocks if block.language == "pycon" and block.comment[0] != "not run")
        return problems + (self._prompt(session) if session else [])

    def _python(self, program: str) -> tuple[str, list[str]]:
        file = self.work / "_block.py"
        file.write_text(program, encoding="utf-8")
        status, printed = self._execute([sys.executable, str(file)])
        return printed, [f"ended with status {status}:\n{printed}"] if status else []

    def _prompt(self, session: str) -> list[str]:
        file = self.work / "_session.txt"
        file.write_text(session, encoding="utf-8")
        status, printed = self._execute([sys.executable, "-m", "doctest", "-o", "ELLIPSIS", "-o", "NORMALIZE_WHITESPACE", str(file)])
        return [f"session at the prompt:\n{printed}"] if status else []

    def _console(self, text: str) -> list[str]:
        problems = []
        for command in commands_in(text):
            if command.text == "echo $?":
                printed, status = f"{self._status}\n", 0
                if command.shown.strip() != printed.strip():
                    problems.append(f"$ echo $?: shown {command.shown.strip()}, it was {printed}")
            else:
                status, printed = self._shell(command)
                problems += [f"$ {command.text}: {one}" for one in differences(without_interrupt(command.shown), printed)]
            self._status = status
            if status and not command.may_fail:
                problems.append(f"$ {command.text}: ended with status {status}")
            if problems:
                return [*problems, f"it printed:\n{printed}"]
        return []

    def _shell(self, command: Command) -> tuple[int, str]:
        before = command.shown.split("^C")[0] if "^C" in command.shown else None
        return self._execute(["bash", "-c", command.text], before)

    def _execute(self, argv: list[str], interrupt_after: str | None = None) -> tuple[int, str]:
        """Run a command to its end; interrupt it once it has printed something, if asked to."""
        process = subprocess.Popen(
            ["env", "--default-signal=INT", *argv],
            cwd=self.work,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        watchdog = threading.Timer(DEADLINE_S, lambda: os.killpg(process.pid, signal.SIGKILL))
        watchdog.start()
        printed = ""
        try:
            assert process.stdout is not None
            for line in process.stdout:
                printed += line
                if interrupt_after is not None and has_all(interrupt_after, self._shown(printed)):
                    os.killpg(process.pid, signal.SIGINT)
                    interrupt_after = None
            status = process.wait()
            return status if status >= 0 else 128 - status, self._shown(printed)
        finally:
            watchdog.cancel()
            watchdog.join()
            process.stdout.close()  # type: ignore[union-attr]  # it is a pipe

    def _shown(self, printed: str) -> str:
        return printed.replace(str(self.home), HOME_SHOWN)


def commands_in(text: str) -> list[Command]:
    """Return the commands of a console block."""
    found: list[Command] = []
    for line in text.splitlines():
        if (match := _COMMAND.match(line)) is not None:
            if match[1] == "echo $?" and found:
                found[-1].may_fail = True
            found.append(Command(match[1]))
        elif found and found[-1].text.endswith("\\") and not found[-1].shown:
            found[-1].text = found[-1].text[:-1] + line.removeprefix(">").lstrip()
        else:
            assert found, f"output before the first command: {line}"
            found[-1].shown += line + "\n"
    return found


def without_interrupt(shown: str) -> str:
    """Return what is shown of a command without the "^C" that the terminal echoes."""
    return shown.replace("^C", "")


def within(name: str, part: str) -> str:
    """Return the program that a part of one stands in."""
    frame = (Path(__file__).parent / "within" / f"{name}.py").read_text(encoding="utf-8")
    head, _, tail = frame.partition("# HERE")
    head, _, indent = head.rpartition("\n")
    return f"{head}\n{textwrap.indent(part, indent)}{tail}"
