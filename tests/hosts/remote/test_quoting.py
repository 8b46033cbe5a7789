"""No argument, value or path is changed or interpreted on its way through a real shell, whatever bytes it has."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nepi.errors import BadValueError
from nepi.hosts.remote import quoting
from tests.hosts.remote.shells import LIBRARY, SHELLS, said

pytestmark = pytest.mark.slow

AWKWARD = (
    "",
    "-n",
    "--",
    "~",
    "~root",
    "*",
    "$(id)",
    "`id`",
    "a'b",
    '"',
    "\\",
    "\n",
    " \t",
    "!!",
    "$'x'",
    "${HOME}",
    ";",
    "ünï\u202e",
    "\x81\x88",
    "#",
)
# Any bytes but NUL: what is no UTF-8 comes as the surrogates that Python has for it.
words = st.one_of(
    st.sampled_from(AWKWARD),
    st.binary(max_size=40).map(lambda data: os.fsdecode(data.replace(b"\0", b""))),
    st.text(max_size=20).map(lambda text: "".join(char for char in text if char != "\0" and not 0xD800 <= ord(char) <= 0xDFFF)),
)
names = st.one_of(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True),
    st.sampled_from(("IFS", "UID", "PWD", "OPTIND", "a-b", "nepi_c", "%", "-x")),
)


def as_bytes(values: list[str]) -> list[bytes]:
    return [os.fsencode(value) for value in values]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: Path(shell[0]).name)
@settings(max_examples=40)
@example(arguments=list(AWKWARD))
@given(arguments=st.lists(words, min_size=1, max_size=30))
def test_arguments_arrive_as_they_are(shell: list[str], arguments: list[str]) -> None:
    text = quoting.script_with("", [quoting.call("/usr/bin/printf", "%s\\0", *arguments)])
    assert said(shell, text).split(b"\0")[:-1] == as_bytes(arguments)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: Path(shell[0]).name)
@settings(max_examples=25)
@example(env=dict(zip("abcdefghijklmnopqrstuvwxyz", AWKWARD, strict=False)), arguments=["~"])
@given(env=st.dictionaries(names, words, max_size=8), arguments=st.lists(words, max_size=4))
def test_a_command_gets_its_variables_and_arguments_as_they_are(shell: list[str], env: dict[str, str], arguments: list[str]) -> None:
    """The command prints its environment, then itself; the text is a word in another text, as `nepi_start` gets it."""
    env = {name: value for name, value in env.items() if name not in ("PATH", "LD_PRELOAD", "LC_ALL")}
    shown = quoting.command_text(["/bin/cat", "/proc/self/environ"], env)
    words_shown = quoting.command_text(["/usr/bin/printf", "%s\\0", "x", *arguments], {})
    setting = ["nepi_setsid= nepi_c=/dev/null nepi_words= nepi_answers=/dev/null nepi_tag=t"]
    one = said(shell, quoting.script_with(LIBRARY, [*setting, f"eval {quoting.quote(shown)} </dev/null"]), env={"PATH": os.environ["PATH"]})
    two = said(shell, quoting.script_with(LIBRARY, [*setting, f"eval {quoting.quote(words_shown)}"]))
    environment = one.split(b"\0")
    for name, value in env.items():
        assert os.fsencode(f"{name}={value}") in environment
    assert two.split(b"\0")[:-1] == [b"x", *as_bytes(arguments)]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: Path(shell[0]).name)
@settings(max_examples=25)
@example(name="-x'\n~ $(id)")
@given(name=words.filter(lambda word: word not in ("", ".", "..") and "/" not in word and len(os.fsencode(word)) < 200))
def test_files_of_any_name_are_read_and_written(shell: list[str], name: str) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, name).write_bytes(b"in it\n")
        copy = quoting.redirected("cat", stdin=name, stdout=f"{name}.copy")
        assert (
            said(shell, quoting.script_with("", [copy, quoting.call("cat --") + f" {quoting.path(name)}"]), cwd=Path(folder)) == b"in it\n"
        )
        assert Path(folder, f"{name}.copy").read_bytes() == b"in it\n"


def test_what_no_program_can_be_given_is_refused() -> None:
    with pytest.raises(BadValueError, match="NUL"):
        quoting.quote("a\0b")
    with pytest.raises(BadValueError, match="name of a variable"):
        quoting.command_text(["true"], {"a=b": "c"})


def test_sudo_lets_the_mark_and_the_variables_through() -> None:
    text = quoting.command_text(["sudo", "-n", "--", "id", "-u"], {"A": "1"})
    assert text == "export A='1'; nepi_exec 'sudo' '-n' '--preserve-env=NEPI_COMMAND,A' '--' 'id' '-u'"


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: Path(shell[0]).name)
def test_a_program_that_arrives_in_part_is_not_executed(shell: list[str], tmp_path: Path) -> None:
    text = quoting.script_with("", [quoting.redirected("echo", stdout=tmp_path / "made"), "echo end"])
    subprocess.run(shell, input=text[:-3], capture_output=True, timeout=30, check=False)
    assert not (tmp_path / "made").exists()
