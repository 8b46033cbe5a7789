"""The command line of ssh for people says what the run's own connection is told."""

import base64
import hashlib
import shlex
from dataclasses import replace
from pathlib import Path

from nepi.hosts.remote.ssh_command import VOUCH, ssh_argv
from nepi.hosts.remote.ssh_connect import Route
from nepi.hosts.remote.ssh_options import HostKeys, Jump, SshOptions
from nepi.hosts.remote.vouch import line

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIJhPpXcGGo0aWGkUnCnmXuFDGZtd2b0hWqvVWPdGBPXa"


def route(options: SshOptions, *known: Path) -> Route:
    return Route(options, options.jumps or (), {}, options.hostname, options.port or 22, options.username or "me", known)


def settings(argv: list[str]) -> dict[str, str]:
    return dict(argv[place + 1].split("=", 1) for place, word in enumerate(argv) if word == "-o")


def test_what_the_experiment_says_comes_first_and_the_rest_is_left_to_the_users_configuration() -> None:
    assert ssh_argv([route(SshOptions("far"), Path("/k"))], "true", terminal=False)[-4:] == ["-T", "--", "far", "true"]
    options = SshOptions("far", 2222, "ann", Path("/keys/id"), (), config=Path("/c"), connect_deadline_s=5.0)
    argv = ssh_argv([route(options, Path("/k"))], "true", terminal=True)
    assert argv[:11] == ["ssh", "-F", "/c", "-p", "2222", "-l", "ann", "-i", "/keys/id", "-o", "IdentitiesOnly=yes"]
    assert argv[-4:] == ["-t", "--", "far", "true"]
    said = settings(argv)
    assert (said["ProxyJump"], said["ConnectTimeout"], said["ForwardAgent"], said["BatchMode"]) == ("none", "5", "no", "yes")


def test_host_keys_are_checked_with_the_files_that_the_run_checks_them_with() -> None:
    options = SshOptions("far", host_keys=HostKeys.FIRST_USE, pins=Path("/my runs/100%/pins"))
    said = settings(ssh_argv([route(options, Path("/k"), Path('/a"b'))], "true", terminal=False))
    assert (said["StrictHostKeyChecking"], said["UpdateHostKeys"], said["ControlPath"]) == ("yes", "no", "none")
    assert said["UserKnownHostsFile"] == '"/k" "/a\\"b" "/my runs/100%%/pins"'
    assert said["GlobalKnownHostsFile"] == "none"
    said = settings(ssh_argv([route(replace(options, host_keys=HostKeys.KNOWN), Path("/k"))], "true", terminal=False))
    assert said["UserKnownHostsFile"] == '"/k"'


def test_a_key_that_the_experiment_gives_is_the_only_good_one() -> None:
    options = SshOptions("far", server_key=f"ssh-ed25519 {KEY}")
    said = settings(ssh_argv([route(options, Path("/k"))], "true", terminal=False))
    assert said["UserKnownHostsFile"] == "none"
    assert shlex.split(said["KnownHostsCommand"])[-6:] == [str(VOUCH), "ssh-ed25519", KEY, "%H", "%t", "%K"]


def test_a_fingerprint_vouches_for_its_key_and_for_no_other() -> None:
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(KEY)).digest()).decode().rstrip("=")
    assert line("SHA256", f"SHA256:{digest}", "[far]:2222", "ssh-ed25519", KEY) == f"[far]:2222 ssh-ed25519 {KEY}\n"
    assert line("SHA256", f"SHA256:{digest}", "far", "NONE", "NONE") == ""
    assert line("SHA256", f"SHA256:{digest}", "far", "ssh-ed25519", KEY[:-4] + "AAAA") == ""
    assert line("ssh-ed25519", KEY, "far", "NONE", "NONE") == f"far ssh-ed25519 {KEY}\n"


def test_each_host_on_the_way_is_checked_as_strictly() -> None:
    way = (Jump("one"), Jump("two", 2222, "bob"))
    far = SshOptions("far", jumps=way, identity=Path("/keys/my %id"), host_keys=HostKeys.FIRST_USE, pins=Path("/pins"))
    two = far.through(Jump("two", 2222, "bob"), (Jump("one"),))
    one = far.through(Jump("one"), ())
    argv = ssh_argv([route(far, Path("/k")), route(two, Path("/k")), route(one, Path("/k"))], "true", terminal=False)
    second = shlex.split(settings(argv)["ProxyCommand"].replace("%%", "%"))
    assert second[:7] == ["ssh", "-p", "2222", "-l", "bob", "-i", "/keys/my %id"]
    assert second[-4:] == ["-W", "[%h]:%p", "--", "two"]
    first = shlex.split(settings(second)["ProxyCommand"].replace("%%", "%"))
    assert first[-4:] == ["-W", "[%h]:%p", "--", "one"]
    for words in (argv, second, first):
        assert settings(words)["StrictHostKeyChecking"] == "yes"
        assert settings(words)["UserKnownHostsFile"] == '"/k" "/pins"'
    assert settings(first)["ProxyJump"] == "none"
