"""What is said when a host cannot be reached, and whether it is tried again."""

import errno
import os
import socket
from pathlib import Path

import asyncssh
import pytest

from nepi.hosts.remote.ssh_errors import Hope, explain, where
from nepi.hosts.remote.ssh_options import Jump, SshOptions
from nepi.hosts.remote.ssh_trust import Trust

OPTIONS = SshOptions("far", 2222, "ann")
WHO = "host 'far' (port 2222)"


def system_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "text", "hope"),
    [
        (system_error(errno.ECONNREFUSED), "nothing listens there; is sshd running, and on that port?", Hope.WHEN_BACK),
        (system_error(errno.EHOSTUNREACH), "there is no way to it; is it on, and is the address right?", Hope.WHEN_BACK),
        (system_error(errno.ENETUNREACH), "this machine has no route to it; is the network up, and is a gateway needed?", Hope.WHEN_BACK),
        (system_error(errno.ETIMEDOUT), "it does not answer; is it on, and does a firewall let SSH through?", Hope.WHEN_BACK),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 2222), [Errno 111] Connect call failed ('127.0.0.1', 2222)"
            ),
            "nothing listens there; is sshd running, and on that port?",
            Hope.WHEN_BACK,
        ),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "its name is not known (Name or service not known); is it spelled right?",
            Hope.WHEN_BACK,
        ),
        (asyncssh.ChannelOpenError(2, "Connection refused"), None, Hope.WHEN_BACK),
        (asyncssh.ChannelOpenError(1, "administratively prohibited"), None, Hope.NONE),
        (asyncssh.ConnectionLost("Connection lost"), None, Hope.SOON),
        (system_error(errno.ECONNRESET), None, Hope.SOON),
        (TimeoutError(), "nothing answers", Hope.SOON),
        (asyncssh.ProtocolError("Banner too long"), "Banner too long; is it an SSH server, and one of this decade?", Hope.NONE),
    ],
)
def test_each_error_is_a_sentence_and_says_whether_there_is_hope(error: Exception, text: str | None, hope: Hope) -> None:
    failure = explain(error, WHO, "ann", OPTIONS, Trust(OPTIONS), None)
    assert (failure.hope, failure.text.startswith(WHO)) == (hope, True)
    if text is not None:
        assert failure.text == f"{WHO}: {text}"


def test_who_is_not_let_in_reads_which_key_was_offered_and_what_the_host_says() -> None:
    options = SshOptions("far", identity=Path("/keys/id"))
    failure = explain(asyncssh.PermissionDenied("no"), "host 'far' (port 22)", "ann", options, Trust(options), None)
    assert failure.text == (
        "host 'far' (port 22) does not let user 'ann' in with the key /keys/id. Is the user right, and is the public key in its "
        "~/.ssh/authorized_keys there? A key with a passphrase must be in the ssh-agent (ssh-add)"
    )


def test_a_host_is_named_with_what_it_is_called_by_and_the_way_to_it() -> None:
    assert where(OPTIONS) == WHO
    assert where(SshOptions("far"), "10.0.0.7", 22, (Jump("gw", None, "bob"), Jump("2001:db8::1", 2222))) == (
        "host 'far' (port 22, 10.0.0.7, through bob@gw,[2001:db8::1]:2222)"
    )
