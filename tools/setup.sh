#!/bin/sh
# Make the virtual environment .venv and, when asked, see to the Debian packages that experiments need.
#
#   tools/setup.sh runtime|dev [tools|all-tools]
#
# Does nothing, quickly, when all is there already. Run it from the top of the repository.
# PYTHON=... chooses the interpreter; it must be 3.11 or newer.
set -eu

what=$1
want_tools=${2:-}
venv=.venv
PATH=$PATH:/usr/sbin:/sbin # ip lives there, and an ordinary user may not have it

say() { printf '%s\n' "$@" >&2; }
die() { say "$@"; exit 1; }

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
can_make_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# Root takes the system's interpreter first: `make test` also runs as another user, who cannot look into /root.
choose_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" || die "PYTHON=$PYTHON is not Python 3.11 or newer."
        printf '%s\n' "$PYTHON"
        return
    fi
    candidates='python3 /usr/bin/python3'
    [ "$(id -u)" != 0 ] || candidates='/usr/bin/python3 python3'
    for python in $candidates python3.13 python3.12 python3.11; do
        if is_new_enough "$python"; then
            printf '%s\n' "$python"
            return
        fi
    done
    die "Python 3.11 or newer is needed, and python3 is $(python3 --version 2>&1 || true)." \
        "Install one, or name it: make PYTHON=/path/to/python3.11 ..."
}

has_headers() { "$1" -c 'import os, sysconfig; open(os.path.join(sysconfig.get_path("include"), "Python.h"))' 2>/dev/null; }

# Print the Debian packages that are missing, on one line.
missing_packages() {
    # A part of what brings ns-3 into Python is compiled when it is installed.
    if [ "$what" = dev ]; then
        command -v g++ >/dev/null || printf 'g++ '
        has_headers "$1" || printf 'python3-dev '
    fi
    if [ -n "$want_tools" ]; then
        command -v ip >/dev/null || printf 'iproute2 '
        command -v ping >/dev/null || printf 'iputils-ping '
        command -v iperf3 >/dev/null || printf 'iperf3 '
        command -v tcpdump >/dev/null || printf 'tcpdump '
    fi
    # What only the tests of single applications need; an experiment that uses one says what is missing when it is planned.
    if [ "$want_tools" = all-tools ]; then
        command -v traceroute >/dev/null || printf 'traceroute '
        command -v mtr >/dev/null || printf 'mtr-tiny '
        command -v nping >/dev/null || printf 'nmap '
        command -v irtt >/dev/null || printf 'irtt '
        command -v nc >/dev/null || printf 'netcat-openbsd '
        command -v nginx >/dev/null || printf 'nginx-light '
        command -v curl >/dev/null || printf 'curl '
        command -v dnsmasq >/dev/null || printf 'dnsmasq-base '
        command -v dig >/dev/null || printf 'bind9-dnsutils '
        command -v ffmpeg >/dev/null || printf 'ffmpeg '
        command -v stress-ng >/dev/null || printf 'stress-ng '
        command -v gcc >/dev/null || printf 'gcc libc6-dev '
        command -v bird >/dev/null || printf 'bird2 '
        [ -x /usr/lib/frr/zebra ] || printf 'frr '
        command -v sysctl >/dev/null || printf 'procps '
        [ -x /usr/sbin/sshd ] || printf 'openssh-server '
        command -v ssh >/dev/null || printf 'openssh-client '
        command -v xauth >/dev/null || printf 'xauth '
        command -v sudo >/dev/null || printf 'sudo '
        command -v ovs-vswitchd >/dev/null || printf 'openvswitch-switch '
        command -v ethtool >/dev/null || printf 'ethtool '
        command -v wg >/dev/null || printf 'wireguard-tools '
        /usr/bin/python3 -c 'import cryptography' 2>/dev/null || printf 'python3-cryptography '
    fi
    [ -x "$venv/bin/python" ] || can_make_venv "$1" || printf 'python3-venv '
}

install_packages() {
    [ -n "$1" ] || return 0
    if ! command -v apt-get >/dev/null; then
        die "Missing: $1(names of Debian packages). There is no apt-get here; install them your system's way, then try again."
    fi
    if [ "$(id -u)" != 0 ]; then
        die "Some Debian packages are missing. Please have this run once, then try again:" "" "    sudo apt-get install --no-install-recommends $1" ""
    fi
    say "Installing Debian packages: $1"
    export DEBIAN_FRONTEND=noninteractive
    # A stale or unreachable source need not matter; what is missing shows in the installation.
    apt-get update -qq </dev/null >&2 || say "apt-get update failed; going on with the package lists as they are."
    # shellcheck disable=SC2086 # a list of names
    apt-get install -y -qq --no-install-recommends $1 </dev/null >&2 || die "apt-get could not install: $1"
}

# The environment is current when it was made here, from this pyproject.toml and with this compiled part.
wanted_stamp() { printf '%s\n%s\n' "$(pwd -P)" "$(cat pyproject.toml src/nepi/hosts/wire/*.[ch] | cksum)"; }
is_current() { [ "$(cat "$venv/nepi-$1.stamp" 2>/dev/null)" = "$stamp" ] && [ -x "$venv/bin/python" ]; }

install_package() {
    target=$1
    log=$venv/nepi-setup.log
    # Moved or copied, an environment still points to its old place: make it anew.
    if ! is_new_enough "$venv/bin/python" || [ "$(sed -n 1p "$venv/nepi-place" 2>/dev/null)" != "$(pwd -P)" ]; then
        say "Making the virtual environment $venv with $python ..."
        "$python" -m venv --clear "$venv"
        pwd -P >"$venv/nepi-place"
    fi
    say "Installing nepi into $venv ($what; only this time) ..."
    if ! "$venv/bin/python" -m pip install --disable-pip-version-check -e "$target" >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        die "pip failed; its whole output is in $log."
    fi
    printf '%s\n' "$stamp" >"$venv/nepi-runtime.stamp"
    [ "$what" = runtime ] || printf '%s\n' "$stamp" >"$venv/nepi-dev.stamp"
}

case $what in
    runtime) target=. ;;
    dev) target='.[dev]' ;;
    *) die "usage: tools/setup.sh runtime|dev [tools|all-tools]" ;;
esac

stamp=$(wanted_stamp)
python=$venv/bin/python
is_current "$what" || python=$(choose_python)
install_packages "$(missing_packages "$python")"
still=$(missing_packages "$python")
[ -z "$still" ] || die "Still missing after the installation: $still"
if ! is_current "$what"; then
    # One at a time: `make -j`, or two people in one tree.
    if command -v flock >/dev/null && [ -z "${NEPI_SETUP_LOCKED:-}" ]; then
        export NEPI_SETUP_LOCKED=1
        exec flock pyproject.toml "$0" "$@"
    fi
    install_package "$target"
fi
