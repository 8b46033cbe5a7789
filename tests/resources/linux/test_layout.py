"""Where things are on a host."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import BadValueError
from nepi.resources.linux.layout import Layout, as_folder, home_of

LAYOUT = Layout(PurePosixPath("/home/me"), "first steps", "run-1-0a1b2c3d")


def test_everything_of_a_run_is_in_a_folder_that_no_other_run_has() -> None:
    exp = PurePosixPath("/home/me/.nepi/nepi-exp/first%20steps/run-1-0a1b2c3d")
    assert (LAYOUT.exp, LAYOUT.node("a"), LAYOUT.app("a", "app-2")) == (exp, exp / "node-a", exp / "node-a" / "app-app-2")


def test_what_was_uploaded_is_kept_for_later_runs() -> None:
    assert LAYOUT.store == PurePosixPath("/home/me/.nepi/nepi-usr")


@given(st.text(min_size=1), st.text(min_size=1))
def test_different_names_are_different_folders_and_none_leads_elsewhere(one: str, other: str) -> None:
    assert (as_folder(one) == as_folder(other)) == (one == other)
    assert "/" not in as_folder(one)
    assert as_folder(one) not in (".", "..")


@pytest.mark.parametrize(
    ("asked", "home"),
    [(None, "/home/me"), ("/data", "/data"), ("lab", "/home/me/lab"), ("~/lab", "/home/me/lab"), ("~", "/home/me")],
)
def test_a_home_is_absolute_or_below_the_users(asked: str | None, home: str) -> None:
    assert home_of(asked, PurePosixPath("/home/me")) == PurePosixPath(home)


def test_a_home_does_not_lead_out_of_itself() -> None:
    with pytest.raises(BadValueError, match=r"'home': '~/\.\./you'"):
        home_of("~/../you", PurePosixPath("/home/me"))
