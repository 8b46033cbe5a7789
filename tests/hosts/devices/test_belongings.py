"""What a dead controller has left on a host is given back from its ledger alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nepi.execution.ledger import Ledger, Thing
from nepi.execution.ledger_kinds import collect
from nepi.hosts.devices.belongings import CHANGE, INTERFACE

pytestmark = [pytest.mark.root, pytest.mark.netns]

HERE = {"place": {"way": {"local": True}}, "host": "here"}


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout


def links() -> set[str]:
    return {line.split(":")[1].strip() for line in ip("-o", "link").splitlines()}


def left(path: Path, *things: tuple[Thing, bool]) -> None:
    with Ledger(path) as ledger:
        for thing, made in things:
            ids = ledger.intend([thing])
            if made:
                ledger.made(ids)


def interface(ifname: str, alias: str) -> Thing:
    return Thing(INTERFACE, {**HERE, "ifname": ifname, "alias": alias})


def test_interfaces_that_were_made_go_and_others_of_their_names_stay(tmp_path: Path) -> None:
    for name in ("tun-ours", "tun-theirs", "tun-half"):
        ip("tuntap", "add", "dev", name, "mode", "tun")
    ip("link", "set", "dev", "tun-ours", "alias", "nepi:1")
    ip("link", "set", "dev", "tun-theirs", "alias", "somebody")
    rows = [(interface("tun-ours", "nepi:1"), True), (interface("tun-theirs", "nepi:2"), True)]
    left(tmp_path / "ledger.sqlite", *rows, (interface("tun-half", "nepi:3"), False), (interface("tun-none", "nepi:4"), True))
    try:
        assert collect(tmp_path / "ledger.sqlite").left == ()
        assert {name for name in links() if name.startswith("tun-")} == {"tun-theirs"}
    finally:
        ip("link", "del", "tun-theirs")


def test_what_was_changed_is_put_back_as_far_as_it_is_there(tmp_path: Path) -> None:
    ip("tuntap", "add", "dev", "tun-kept", "mode", "tun")
    ip("link", "set", "dev", "tun-kept", "mtu", "1300")
    undo = [["link", "set", "dev", "tun-gone", "mtu", "1500"], ["link", "set", "dev", "tun-kept", "mtu", "1400"]]
    left(tmp_path / "ledger.sqlite", (Thing(CHANGE, {**HERE, "program": "ip", "undo": undo}), True))
    try:
        assert collect(tmp_path / "ledger.sqlite").left == ()
        assert "mtu 1400" in ip("link", "show", "dev", "tun-kept")
    finally:
        ip("link", "del", "tun-kept")
    assert collect(tmp_path / "ledger.sqlite").released == ()
