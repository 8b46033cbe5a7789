"""Whose key is accepted, and what is said of one that is not. Against a real sshd."""

import asyncio
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from nepi.errors import ConnectError
from nepi.hosts.remote.ssh_options import HostKeys, SshOptions
from nepi.hosts.remote.ssh_transport import SshPool
from tests.hosts.remote.sshd import Sshd, make_key, sshd

pytestmark = [pytest.mark.root, pytest.mark.netns]


def said_by(options: SshOptions) -> str:
    """Connect and run a command; return what it printed, or the error."""

    async def main() -> str:
        pool = SshPool()
        try:
            return (await pool.transport("h", options).run("echo let in")).stdout.decode().strip()
        except ConnectError as error:
            return str(error)
        finally:
            await pool.close()

    return asyncio.run(main())


def fingerprint(server: Sshd) -> str:
    line = subprocess.run(["ssh-keygen", "-lf", str(server.folder / "host_key.pub")], capture_output=True, text=True, check=True)
    return line.stdout.split()[1]


def test_a_known_key_is_accepted(server: Sshd) -> None:
    assert said_by(server.options()) == "let in"


def test_an_unknown_key_is_refused_with_the_command_that_accepts_it_and_that_works(server: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    options = server.options(known_hosts=(known,))
    error = said_by(options)
    command = f"ssh-keyscan -p {server.port} -t ed25519 127.0.0.1 >> {known}"
    assert error == (
        f"host '127.0.0.1' (port {server.port}) shows a host key that is not known: ssh-ed25519 {fingerprint(server)}. When this is its "
        f"fingerprint (as root there: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), accept it by:\n    {command}\n"
        "or have the experiment trust keys on first use"
    )
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    assert said_by(options) == "let in"


def test_a_configuration_without_known_hosts_files_does_not_switch_the_check_off(server: Sshd, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host *\n  UserKnownHostsFile none\n  GlobalKnownHostsFile none\n  StrictHostKeyChecking no\n")
    assert "shows a host key that is not known" in said_by(server.options(config=config, known_hosts=None))


def test_on_first_use_a_key_is_pinned_and_another_one_is_refused_later(server: Sshd, tmp_path: Path) -> None:
    pins = tmp_path / "run" / "known_hosts"
    options = server.options(known_hosts=(), host_keys=HostKeys.FIRST_USE, pins=pins)
    assert (said_by(options), said_by(options)) == ("let in", "let in")
    assert pins.read_text() == f"[127.0.0.1]:{server.port} {' '.join(server.key.split()[:2])}\n"
    make_key(tmp_path / "other")
    pins.write_text(f"[127.0.0.1]:{server.port} {(tmp_path / 'other.pub').read_text()}")
    error = said_by(options)
    assert re.match(
        rf"host '127\.0\.0\.1' \(port {server.port}\) shows another host key than before: ssh-ed25519 {re.escape(fingerprint(server))} "
        r"instead of ssh-ed25519 SHA256:\S+\. Either it was installed anew, or this is not that host and somebody listens\. "
        r"When you are sure, forget the old key by:\n    ",
        error,
    )
    subprocess.run(["sh", "-c", error.rpartition("\n")[2]], check=True, capture_output=True)
    assert said_by(options) == "let in"


def test_a_key_that_another_node_trusted_on_first_use_is_not_known_by_that(server: Sshd, tmp_path: Path) -> None:
    pins = tmp_path / "known_hosts"
    trusting = server.options(known_hosts=(), host_keys=HostKeys.FIRST_USE, pins=pins)
    assert said_by(trusting) == "let in"
    assert "shows a host key that is not known" in said_by(replace(trusting, host_keys=HostKeys.KNOWN))


def test_a_line_of_known_hosts_that_says_nothing_is_an_error_with_the_line(server: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("nonsense\n")
    error = said_by(server.options(known_hosts=(known,)))
    assert error == f"host '127.0.0.1' (port {server.port}): Invalid known hosts entry: nonsense"


def test_a_name_is_not_trusted_for_the_address_that_it_leads_to(server: Sshd) -> None:
    assert "shows a host key that is not known" in said_by(server.options(hostname="localhost"))


def test_a_changed_key_is_refused_when_it_was_known(server: Sshd, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {(tmp_path / 'other.pub').read_text()}")
    assert "shows another host key than before" in said_by(server.options(known_hosts=(known,)))


def test_a_key_that_the_experiment_gives_is_the_only_one_that_will_do(server: Sshd, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    assert said_by(server.options(known_hosts=(), server_key=server.key)) == "let in"
    assert said_by(server.options(known_hosts=(), server_key=fingerprint(server))) == "let in"
    for wrong in ((tmp_path / "other.pub").read_text(), "SHA256:" + "A" * 43):
        error = said_by(server.options(server_key=wrong))
        assert "which is not the one that its attribute serverKey gives" in error, error


def test_a_certificate_authority_in_known_hosts_vouches_for_keys(tmp_path: Path) -> None:
    make_key(tmp_path / "ca", "ca")
    certified = f"HostCertificate {tmp_path}/sshd/host_key-cert.pub\n"
    with sshd(tmp_path / "sshd", before_start=lambda folder: certify(tmp_path / "ca", folder), settings=certified) as it:
        known = tmp_path / "known_hosts"
        known.write_text(f"@cert-authority * {(tmp_path / 'ca.pub').read_text()}")
        assert said_by(it.options(known_hosts=(known,))) == "let in"


def certify(authority: Path, folder: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-s", str(authority), "-I", "it", "-h", "-n", "127.0.0.1", str(folder / "host_key.pub")],
        check=True,
        capture_output=True,
    )


def test_a_key_that_is_not_let_in_is_one_clear_error(server: Sshd, tmp_path: Path) -> None:
    make_key(tmp_path / "stranger")
    assert said_by(server.options(identity=tmp_path / "stranger")) == (
        f"host '127.0.0.1' (port {server.port}) does not let user 'root' in with the key {tmp_path}/stranger. "
        "Is the user right, and is the public key in its ~/.ssh/authorized_keys there? "
        "A key with a passphrase must be in the ssh-agent (ssh-add)"
    )


def test_a_key_file_that_is_missing_is_named(server: Sshd, tmp_path: Path) -> None:
    error = said_by(server.options(identity=tmp_path / "gone"))
    assert error == f"host '127.0.0.1' (port {server.port}): {tmp_path}/gone: No such file or directory"


def test_a_key_with_a_passphrase_is_used_from_the_agent(server: Sshd, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.write_bytes(server.identity.read_bytes())
    locked.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(locked)], check=True, capture_output=True)
    (tmp_path / "locked.pub").write_text((server.folder / "id.pub").read_text())
    options = server.options(identity=locked)
    assert "must be in the ssh-agent" in said_by(options)
    with agent(tmp_path / "agent.sock", server.identity) as config:
        assert said_by(replace(options, config=config)) == "let in"
        assert said_by(replace(options, config=config, identity=None)) == "let in"


class agent:  # a context manager
    """An ssh-agent that holds a key, and a configuration that names it."""

    def __init__(self, socket: Path, key: Path) -> None:
        self._socket, self._key = socket, key

    def __enter__(self) -> Path:
        self._process = subprocess.Popen(["ssh-agent", "-D", "-a", str(self._socket)], stdout=subprocess.DEVNULL)
        config = self._socket.with_name("config")
        config.write_text(f"Host *\n  IdentityAgent {self._socket}\n")
        environment = {**os.environ, "SSH_AUTH_SOCK": str(self._socket)}
        while not self._socket.exists():
            assert self._process.poll() is None
        subprocess.run(["ssh-add", "-q", str(self._key)], env=environment, check=True)
        return config

    def __exit__(self, *rest: object) -> None:
        self._process.terminate()
        self._process.wait()


def test_the_agent_is_lent_to_the_host_only_when_asked_for(server: Sshd, tmp_path: Path) -> None:
    async def main(options: SshOptions) -> str:
        pool = SshPool()
        done = await pool.transport("h", options).run("echo ${SSH_AUTH_SOCK:+lent}")
        await pool.close()
        return done.stdout.decode().strip()

    with agent(tmp_path / "agent.sock", server.identity) as config:
        config.write_text(config.read_text() + "  ForwardAgent yes\n")
        options = server.options(config=config)
        lent = [asyncio.run(main(replace(options, forward_agent=asked))) for asked in (False, True)]
    assert lent == ["", "lent"]


def test_neither_errors_nor_logs_hold_a_key(server: Sshd, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    make_key(tmp_path / "stranger")
    secret = (tmp_path / "stranger").read_text().splitlines()[2]
    errors = said_by(server.options(identity=tmp_path / "stranger")) + said_by(server.options(identity=server.identity))
    assert secret not in errors + caplog.text
