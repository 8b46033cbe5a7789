"""The only place where shell text for hosts is made: every word that comes from elsewhere goes through `quote`.

What is made here means the same to every POSIX shell, whatever bytes an argument, a value or a path has. NUL alone is refused: no
program can be given one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Final

from nepi.errors import BadValueError

SHELL: Final = "exec /bin/sh"
"""The command line of a shell that reads what it is to do from its standard input; the user's own shell may be any."""

PRIVILEGED: Final = ("sudo", "-n", "--")
"""How the argument list of a command begins that is to run as root; sudo never asks for a password."""

MARK: Final = "NEPI_COMMAND"
"""The variable by which all descendants of a command are known."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OF_SHELLS: Final = re.compile(
    r"nepi_.*|NEPI_START|_|IFS|PWD|OLDPWD|SHLVL|U?ID|EUID|PPID|GROUPS|SHELLOPTS|POSIXLY_CORRECT|OPT(IND|ARG|ERR)|LINENO|S?RANDOM|SECONDS|"
    r"EPOCH.*|BASH.*|FUNC.*|DIRSTACK|HIST.*|COMP.*|TMOUT|PS[0-9]|ENV|HOST(NAME|TYPE)|MACHTYPE|OSTYPE|PIPESTATUS|READLINE.*|REPLY|MAPFILE"
)
"""Names whose values some shell sets, changes, reads or refuses; env(1) sets those."""


def quote(word: str | PathLike[str]) -> str:
    """Return shell text that means exactly this word.

    Raises:
        BadValueError: it has a NUL.
    """
    text = word if isinstance(word, str) else word.__fspath__()
    if "\0" in text:
        raise BadValueError(f"{text!r} has a NUL character, which no program can be given")
    return "'" + text.replace("'", "'\\''") + "'"


def call(function: str, *words: str | PathLike[str] | int) -> str:
    """Return the text that calls a function of host.sh, or a program, with these words."""
    return " ".join([function, *(str(word) if isinstance(word, int) else quote(word) for word in words)])


def path(name: str | PathLike[str]) -> str:
    """Return the text of a path that no program takes for an option."""
    text = name if isinstance(name, str) else name.__fspath__()
    return quote(text if text.startswith("/") else f"./{text}")


def redirected(
    command: str,
    *,
    stdin: str | PathLike[str] | None = None,
    stdout: str | PathLike[str] | None = None,
    stderr: str | PathLike[str] | None = None,
    append: bool = False,
) -> str:
    """Return a command's text with its standard input, output and error from and to files."""
    out = ">>" if append else ">"
    texts = [f"<{path(stdin)}"] if stdin is not None else []
    texts += [f"{out}{path(stdout)}"] if stdout is not None else []
    texts += [f"2{out}{path(stderr)}"] if stderr is not None else []
    return " ".join([command, *texts])


def command_text(argv: Sequence[str], env: Mapping[str, str]) -> str:
    """Return the text that becomes a command, within host.sh: its variables are exported, and it is executed by `nepi_exec`.

    Values reach no argument list, which everybody on the host can read; but for the few names that shells keep to themselves.

    Raises:
        BadValueError: a name of a variable has a "=", or something has a NUL.
    """
    exports, others = [], []
    for name, value in env.items():
        if not name or "=" in name:
            raise BadValueError(f"{name!r} cannot be the name of a variable of the environment")
        if _NAME.fullmatch(name) and not _OF_SHELLS.fullmatch(name):
            exports.append(f"export {name}={quote(value)}")
        else:
            others.append(f"{name}={value}")
    words = privileged(argv, env) if is_privileged(argv) else list(argv)
    last = call("nepi_exec_with", *others, "--", *words) if others else call("nepi_exec", *words)
    return "; ".join([*exports, last])


def is_privileged(argv: Sequence[str]) -> bool:
    """Whether a command runs as root by sudo."""
    return tuple(argv[: len(PRIVILEGED)]) == PRIVILEGED


def privileged(argv: Sequence[str], names: Iterable[str]) -> list[str]:
    """Return the argument list with sudo told to let these variables through, and the mark of the command."""
    kept = ",".join([MARK, *(name for name in names if "," not in name)])
    return [*PRIVILEGED[:2], f"--preserve-env={kept}", *argv[2:]]


def script(control: str | PathLike[str], lines: Iterable[str]) -> bytes:
    """Return a program for `SHELL` that calls functions of the host's own host.sh.

    It begins with a brace, so that nothing is executed of one that arrives in part.
    """
    return _braced([f". {path(f'{control}/host.sh')} || exit 97", *lines])


def batch(control: str | PathLike[str], detaching: str, calls: Sequence[str], litter: Sequence[str] = ()) -> bytes:
    """Return a program for `SHELL` that has calls of `nepi_start` done side by side, detached, and prints their answers.

    Args:
        control: the folder with the run's bookkeeping.
        detaching: what `nepi_setup` has found.
        calls: of `nepi_start`.
        litter: files that are to be removed.
    """
    inner = _braced([f". {path(f'{control}/host.sh')} || exit 97", call("nepi_batch", control), " |\n".join(calls)]).decode(
        "utf-8", "surrogateescape"
    )
    begin = call("nepi_begin", control, detaching) + " || exit"
    return script(control, [begin, f"printf %s {quote(inner)} | nepi_detach", call("nepi_answered", len(calls), *litter)])


def script_with(library: str, lines: Iterable[str]) -> bytes:
    """Return a program for `SHELL` that brings the functions of host.sh along."""
    return _braced([library, *lines])


def line(control: str | PathLike[str], *calls: str) -> str:
    """Return a command line that calls functions of host.sh and leaves standard input to them."""
    text = "; ".join([f". {path(f'{control}/host.sh')} || exit 97", *calls])
    return call("exec /bin/sh -c", text)


def with_sudo(command: str) -> str:
    """Return a command line of `line` or `SHELL` that is executed as root."""
    return command.replace("exec ", "exec sudo -n -- ", 1)


def _braced(lines: Iterable[str]) -> bytes:
    return ("{\n" + "\n".join(lines) + "\nexit\n}\n").encode("utf-8", "surrogateescape")
