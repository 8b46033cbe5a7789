"""What a description of a host accepts, and what is said of what it does not."""

from pathlib import Path

import pytest

from nepi.errors import BadValueError
from nepi.hosts.remote.ssh_options import HostKeys, Jump, SshOptions, parse_jumps, pinned_key

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIJhPpXcGGo0aWGkUnCnmXuFDGZtd2b0hWqvVWPdGBPXa"


def test_any_number_of_gateways_is_read_in_the_order_in_which_they_are_passed() -> None:
    assert parse_jumps("gw, ann@far:2222,[2001:db8::1]:22", "bob") == (
        Jump("gw", None, "bob"),
        Jump("far", 2222, "ann"),
        Jump("2001:db8::1", 22, "bob"),
    )


def test_none_as_gateway_means_a_direct_connection_whatever_the_configuration_says() -> None:
    assert parse_jumps("none") == ()


@pytest.mark.parametrize("text", ["", "a b", "gw,", "gw:0", "gw:65536", "gw:ssh", "-oProxyCommand=x", "a@b@c", "[gw"])
def test_a_gateway_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(BadValueError, match="a gateway must be"):
        parse_jumps(text)


@pytest.mark.parametrize("jump", [Jump("gw"), Jump("gw", 2222), Jump("gw", None, "ann"), Jump("2001:db8::1", 22, "ann")])
def test_a_jump_is_written_as_it_is_read(jump: Jump) -> None:
    assert parse_jumps(str(jump)) == (jump,)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (f"ssh-ed25519 {KEY}", ("ssh-ed25519", KEY)),
        (f"ssh-ed25519 {KEY} root@host\n", ("ssh-ed25519", KEY)),
        (f"[host]:2222 ssh-ed25519 {KEY}", ("ssh-ed25519", KEY)),
        ("SHA256:uNiVztksCsDhcc0u9e8BrJJn6JeQyJSa0kI7OJ2n6Ag", ("SHA256", "SHA256:uNiVztksCsDhcc0u9e8BrJJn6JeQyJSa0kI7OJ2n6Ag")),
        ("uNiVztksCsDhcc0u9e8Br", None),
        (KEY, None),
        ("", None),
    ],
)
def test_a_server_key_is_read_as_people_have_it(text: str, read: tuple[str, str] | None) -> None:
    assert pinned_key(text) == read


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(BadValueError) as caught:
        SshOptions("-x", port=0, username="a b", server_key="x", host_keys=HostKeys.FIRST_USE, connect_deadline_s=0)
    assert str(caught.value) == (
        "ssh to '-x': hostname must be a name or an address; port must be from 1 to 65535, not 0; username must be a word; "
        'serverKey must be a public key like "ssh-ed25519 AAAA..." or a fingerprint like "SHA256:..."; '
        "trusting keys on first use needs a file to pin them in; connect_deadline_s must be more than 0, not 0"
    )


def test_a_host_on_the_way_has_its_own_key_and_is_lent_no_agent() -> None:
    options = SshOptions("far", 2222, "ann", Path("id"), server_key=f"ssh-ed25519 {KEY}", forward_agent=True, group="x", max_channels=3)
    assert options.through(Jump("gw"), ()) == SshOptions("gw", identity=Path("id"), jumps=())
