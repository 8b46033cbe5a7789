"""What is brought to a host and built there, as a plan of steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepi.apps.provisioning import Command, Depend, Fetch, Folders, Put, provisioning_steps
from nepi.errors import BadValueError

FOLDERS = Folders(Path("/run"), Path("/run/n"), Path("/run/n/apps/a"), Path("/run/traces/a"))
USR = Path("/run/n/usr")


def test_steps_come_in_the_order_of_the_original() -> None:
    values = {
        "install": "mv hello ${BIN}",
        "build": "gcc -x c ${CODE} -o hello",
        "depends": "gcc make",
        "code": "/home/me/hello.c",
        "libs": "/l/libx.so",
        "bins": "/b/one;/b/two words",
        "files": "film.ts",
        "sources": "http://host.test/a/tool%201.tar.gz?x=1 /s/own.tar",
    }
    assert provisioning_steps(values, FOLDERS) == [
        Fetch("sources", "http://host.test/a/tool%201.tar.gz?x=1", USR / "src" / "tool 1.tar.gz"),
        Put("sources", USR / "src" / "own.tar", Path("/s/own.tar")),
        Put("files", USR / "share" / "film.ts", Path("film.ts")),
        Put("bins", USR / "bin" / "one", Path("/b/one"), mode=0o755),
        Put("bins", USR / "bin" / "two words", Path("/b/two words"), mode=0o755),
        Put("libs", USR / "lib" / "libx.so", Path("/l/libx.so")),
        Put("code", FOLDERS.app / "code", Path("/home/me/hello.c")),
        Depend("depends", ("gcc", "make")),
        Command("build", ("/bin/sh", "-c", "gcc -x c ${CODE} -o hello")),
        Command("install", ("/bin/sh", "-c", "mv hello ${BIN}")),
    ]


def test_code_of_several_lines_is_the_text_itself() -> None:
    assert provisioning_steps({"code": "int main;\n"}, FOLDERS) == [Put("code", FOLDERS.app / "code", text="int main;\n")]


def test_nothing_asked_for_is_nothing_to_do() -> None:
    assert provisioning_steps({"build": None, "code": "", "files": None}, FOLDERS) == []


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"sources": "http://host.test/"}, "attribute 'sources': 'http://host.test/' names no file"),
        ({"depends": "gcc --force-yes"}, "attribute 'depends': '--force-yes' is no name of a package"),
        ({"files": "'a"}, "attribute 'files': \"'a\" cannot be split into words"),
    ],
)
def test_lists_that_cannot_be_read_are_refused(values: dict[str, str], reason: str) -> None:
    with pytest.raises(BadValueError) as caught:
        provisioning_steps(values, FOLDERS)
    assert reason in str(caught.value)


def test_every_path_tag_is_a_variable() -> None:
    assert FOLDERS.tags() == {
        "BIN": "/run/n/usr/bin",
        "LIB": "/run/n/usr/lib",
        "SRC": "/run/n/usr/src",
        "SHARE": "/run/n/usr/share",
        "EXP_HOME": "/run",
        "NODE_HOME": "/run/n",
        "APP_HOME": "/run/n/apps/a",
        "RUN_HOME": "/run/traces/a",
        "EXP": "/run",
        "USR": "/run/n/usr",
        "CODE": "/run/n/apps/a/code",
    }
