"""Packages of distributions. What apt and dnf say was recorded: apt of Debian 12, dnf 4.14 with rpm 4.18 and a repository of its own."""

from __future__ import annotations

import pytest

from nepi.resources.linux.packages import (
    Distribution,
    distribution,
    install_argv,
    lacking,
    native_names,
    query_argv,
    unknown_packages,
)

DEBIAN = """PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
ID=debian
HOME_URL="https://www.debian.org/"
"""
ROCKY = 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nPRETTY_NAME="Rocky Linux 9.3 (Blue Onyx)"\n'
APT_UNKNOWN = """Reading package lists...
Building dependency tree...
Reading state information...
E: Unable to locate package nosuchpkg
E: Unable to locate package xyzzy
"""
DNF_UNKNOWN = "Error: Unable to find a match: nosuch xyzzy\n"
DNF_NO_ROOT = "Error: This command has to be run with superuser privileges (under the root user on most systems).\n"
RPM_SOME = "nepi-hello\nno package provides nosuch\n"
DPKG_SOME = "dpkg-query: no packages found matching nosuch\nbash installed\niputils-ping not-installed\n"


@pytest.mark.parametrize(
    ("text", "found", "manager"),
    [
        (DEBIAN, Distribution("debian", (), "Debian GNU/Linux 12 (bookworm)"), "apt"),
        (ROCKY, Distribution("rocky", ("rhel", "centos", "fedora"), "Rocky Linux 9.3 (Blue Onyx)"), "dnf"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", Distribution("linuxmint", ("ubuntu", "debian"), "linuxmint"), "apt"),
        ("ID=fedora\nNAME=Fedora", Distribution("fedora", (), "Fedora"), "dnf"),
        ('ID=arch\nNAME="Arch\n# comment\n', Distribution("arch", (), '"Arch'), None),
        ("", Distribution(), None),
    ],
)
def test_the_manager_of_packages_is_found_by_what_os_release_says(text: str, found: Distribution, manager: str | None) -> None:
    assert (distribution(text), distribution(text).manager) == (found, manager)


def test_what_is_missing_is_told_by_the_answers_of_dpkg_and_rpm() -> None:
    assert lacking("apt", ["bash", "nosuch", "iputils-ping"], DPKG_SOME) == ["nosuch", "iputils-ping"]
    assert lacking("apt", ["bash=5.2"], DPKG_SOME) == []
    assert lacking("dnf", ["nepi-hello", "nosuch"], RPM_SOME) == ["nosuch"]


def test_packages_that_do_not_exist_are_named() -> None:
    assert unknown_packages("apt", APT_UNKNOWN) == ["nosuchpkg", "xyzzy"]
    assert unknown_packages("apt", "E: Package 'python-ipaddr' has no installation candidate\n") == ["python-ipaddr"]
    assert unknown_packages("dnf", DNF_UNKNOWN) == ["nosuch", "xyzzy"]
    assert unknown_packages("dnf", DNF_NO_ROOT) == []


def test_a_version_is_no_part_of_the_name_that_is_asked_for() -> None:
    assert query_argv("apt", ["gcc=4:12.2.0-3", "libc6:amd64"])[-2:] == ["gcc", "libc6"]


def test_nothing_is_asked_while_packages_are_installed_and_signatures_are_checked() -> None:
    for manager in ("apt", "dnf"):
        argv = install_argv(manager, ["gcc"])
        assert "-y" in argv
        assert argv[-2:] == ["--", "gcc"]
        assert not any("nogpg" in word or "unauthenticated" in word for word in argv)


def test_tools_have_the_package_names_of_their_distribution() -> None:
    assert native_names("apt", ["iputils-ping", "curl"]) == ["iputils-ping", "curl"]
    assert native_names("dnf", ["iputils-ping", "curl"]) == ["iputils", "curl"]
