"""Compares what a page shows with what was really printed, without what differs from run to run: numbers, and how lines are grouped."""

from __future__ import annotations

import re

# One line of progress or of a journal: times, a word, names. Several of one word may come as one line, or the other way round.
_PROGRESS = re.compile(r"^(?:\d+:\d+:\d+\.\d+)? +\d+\.\d+ s  (?P<word>[A-Z]+|-> \w+|asked|exited) +(?P<rest>.*)$")
_MORE = re.compile(r" and \d+ more$")
_RULES = (
    (re.compile(r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b"), "MAC"),
    (re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?"), "0"),
    (re.compile(r"\b0 ?(?:us|ms|s)\b"), "0s"),
    (re.compile(r"\b0[kMG]bit"), "0bit"),
    (re.compile(r"\b0(?:kB|MB|GB|B)\b"), "0B"),
    (re.compile(r"\s+"), " "),
)


def normal(line: str) -> str:
    """Return a line without its numbers."""
    for pattern, instead in _RULES:
        line = pattern.sub(instead, line)
    return line.strip()


def differences(shown: str, printed: str) -> list[str]:
    """Return in which way `printed` is not what is shown; a line "..." stands for any lines."""
    wanted, progress_wanted = _split(shown)
    got, progress_got = _split(printed)
    problems = [f"progress {word!r} of {name!r} is shown, not printed" for word, name in sorted(progress_wanted - progress_got)]
    position = 0
    loose = "..." in wanted
    for line in wanted:
        if line == "...":
            continue
        try:
            position = got.index(line, position) + 1
        except ValueError:
            problems.append(f"shown, not printed (in this order): {line}")
    if not loose and len(got) != len(wanted) and not problems:
        problems += [f"printed, not shown: {line}" for line in got if line not in wanted] or ["printed more lines than shown"]
    return problems


def has_all(shown: str, printed: str) -> bool:
    """Whether everything that is shown has been printed by now."""
    wanted, progress_wanted = _split(shown)
    got, progress_got = _split(printed)
    return progress_wanted <= progress_got and all(line in got for line in wanted if line != "...")


def _split(text: str) -> tuple[list[str], set[tuple[str, str]]]:
    """Return the plain lines that are not empty, and from lines of progress each (word, name)."""
    plain: list[str] = []
    progress: set[tuple[str, str]] = set()
    for line in text.splitlines():
        match = _PROGRESS.match(line)
        if match is not None:
            names = _MORE.sub("", match["rest"]).split(", ") if match["word"].isupper() else [normal(match["rest"])]
            progress |= {(match["word"], name.strip()) for name in names}
        elif line.strip():
            plain.append(normal(line))
    return plain, progress
