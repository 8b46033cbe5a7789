"""A user's own command and env texts."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nepi.apps.command_line import command_argv, environment, uses_shell_syntax
from nepi.errors import BadValueError


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("", []),
        (" \t\n ", []),
        ("ping -c 3 10.0.0.2", ["ping", "-c", "3", "10.0.0.2"]),
        ("  sleep  1\n", ["sleep", "1"]),
        ("echo 'a b' \"c d\" e\\ f", ["echo", "a b", "c d", "e f"]),
        ("echo '$HOME' 'a;b' \"a|b\"", ["echo", "$HOME", "a;b", "a|b"]),
        ("echo \\$HOME a\\;b", ["echo", "$HOME", "a;b"]),
        ("find {} foo#bar a~b --x=1 ''", ["find", "{}", "foo#bar", "a~b", "--x=1", ""]),
        ("python3 -m http.server 80", ["python3", "-m", "http.server", "80"]),
    ],
)
def test_text_without_shell_syntax_is_started_directly(text: str, argv: list[str]) -> None:
    assert command_argv(text) == argv


@pytest.mark.parametrize(
    "text",
    [
        "a | b",
        "a > file",
        "a; b",
        "a && b",
        "a &",
        "echo $HOME",
        'echo "$HOME"',
        "echo `date`",
        'echo "\\$x"',
        "ls *.txt",
        "ls file?",
        "ls [ab]",
        "ls ~",
        "a # comment",
        "cd /tmp",
        "exec a",
        "A=1 env",
        "{ a",
        "! a",
        "a\nb",
        "(a)",
        "if a",
    ],
)
def test_text_with_shell_syntax_goes_to_sh_untouched(text: str) -> None:
    assert command_argv(text) == ["/bin/sh", "-c", text]


@pytest.mark.parametrize("text", ["echo 'a", 'echo "a', "echo a\\", "echo \0"])
def test_a_command_that_cannot_be_split_names_the_attribute(text: str) -> None:
    with pytest.raises(BadValueError, match="^command: "):
        command_argv(text)


@settings(max_examples=150)
@given(st.text("ab=-~#!{}'\"\\ \t:/.,^%@+é", max_size=12))
def test_what_is_split_here_is_what_sh_makes_of_it(text: str) -> None:
    probe = f"printf {text}"
    try:
        argv = command_argv(probe)
    except BadValueError:
        return
    if argv[:2] == ["/bin/sh", "-c"]:
        return
    shown = subprocess.run(["/bin/sh", "-c", f'set -- {text}\nfor word; do printf "%s\\0" "$word"; done'], capture_output=True, check=True)
    assert shown.stdout.decode() == "".join(f"{word}\0" for word in argv[1:])


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("A=1 B='x y'", {"A": "1", "B": "x y"}),
        ("A=1\nB=2", {"A": "1", "B": "2"}),
        ('A= B=a=b _c9="it\'s"', {"A": "", "B": "a=b", "_c9": "it's"}),
        ("A=1 A=2", {"A": "2"}),
        ("A='$HOME' B=\\$x", {"A": "$HOME", "B": "$x"}),
        ("A=a;b", {"A": "a;b"}),
    ],
)
def test_environment_text(text: str, variables: dict[str, str]) -> None:
    assert environment(text) == variables


@pytest.mark.parametrize("text", ["A", "=1", "1A=2", "A-B=1", "A='x", "PATH=$PATH:/x", 'A="$x"', "A=`date`", "A=\0", "Ä=1"])
def test_environment_text_that_is_wrong_names_the_attribute(text: str) -> None:
    with pytest.raises(BadValueError, match="^env: "):
        environment(text)


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    uses_shell_syntax(text)
    for read in (command_argv, environment):
        try:
            read(text)
        except BadValueError:
            continue
