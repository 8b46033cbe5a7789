#!/usr/bin/env bash
# Tests on a stock Debian kernel, which has netem and much else that kernels of cloud machines lack: it is booted over this machine's
# files (read only, what is written is gone afterwards) under software emulation. Called by `make test-kernel`, after tools/setup.sh dev
# tools.
#
#   tools/test_kernel.sh [arguments for pytest]
#
# Without arguments: the tests of links, and of tunnels that need more than a small kernel, $default below. The kernel is downloaded once, into ~/.cache/nepi/kernels, never installed.
# NEPI_KERNEL_DEADLINE_S=... is how long the machine may run.
set -uo pipefail

# How fast the process of user-space links is says nothing on an emulated processor; `make test` runs those tests on the real one.
too_slow='userspace and (a_rate_holds or holds_so_many or timeline or fair_queueing or early_detection)'
default=(-m netns -k "not ($too_slow) and not delivery_trace and (not devices or gre or wireguard or dummy or netem)"
    tests/resources/netns/test_links_alike.py tests/resources/netns/test_netem.py tests/hosts/test_shape_changes.py
    tests/resources/linux/devices)
deadline_s=${NEPI_KERNEL_DEADLINE_S:-1500}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nepi/kernels
PATH=$PWD/.venv/bin:$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$@" >&2; }
die() { say "$@"; exit 1; }

# Inside of the machine: its own script, called by the other half of this file.
if [ "${1:-}" = --inside ]; then
    shift
    modprobe -a af_packet sch_netem sch_tbf sch_htb sch_prio sch_fq sch_fq_codel sch_red sch_ingress cls_u32 act_mirred veth bridge tun vxlan ifb dummy ip_gre ip6_gre wireguard
    export HOME=/tmp/home TMPDIR=/tmp PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis
    mkdir -p "$HOME"
    cache=/tmp/cache
    tests() { .venv/bin/python -m pytest -o "cache_dir=$cache" --durations=5 "$@"; }
    tests "$@"
    status=$?
    # As in tools/test.sh: the few that failed are tried once more, and named.
    failures=$(grep -c '": true' $cache/v/cache/lastfailed 2>/dev/null)
    if [ $status = 1 ] && [ "${failures:-0}" -ge 1 ] && [ "$failures" -le 5 ]; then
        cp $cache/v/cache/lastfailed $cache/first
        tests --last-failed --last-failed-no-failures none "$@"
        status=$?
        [ $status != 0 ] || sed -n 's/^ *"\(.*\)": true,*$/Passed only when tried again: \1/p' $cache/first
    fi
    printf 'The tests ended with status %s.\n' "$status"
    exit
fi

[ "$(uname -m)" = x86_64 ] || die "The tests on a stock kernel need an x86_64 machine; this is $(uname -m)."
command -v apt-get >/dev/null || die "The tests on a stock kernel need Debian's apt-get, to download linux-image-amd64."

# package of each program that is missing
missing=''
need() { command -v "$1" >/dev/null || missing="$missing$2 "; }
need qemu-system-x86_64 qemu-system-x86
need modprobe kmod
need udevadm udev
need busybox busybox-static
need zstd zstd
if [ -n "$missing" ]; then
    [ "$(id -u)" = 0 ] || die "Some Debian packages are missing. Please have this run once, then try again:" "" \
        "    sudo apt-get install --no-install-recommends $missing" ""
    say "Installing Debian packages: $missing"
    apt-get update -qq </dev/null >&2 || say "apt-get update failed; going on with the package lists as they are."
    # shellcheck disable=SC2086 # a list of names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing </dev/null >&2 ||
        die "apt-get could not install: $missing"
fi
command -v vng >/dev/null || python -m pip install --quiet --disable-pip-version-check 'virtme-ng>=1.40,<2' ||
    die "virtme-ng, which boots the kernel, could not be installed from PyPI into .venv."

# The kernel's package, unpacked.
package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
[ -n "$package" ] || die "apt knows no linux-image-amd64: is Debian's archive among its sources, and was apt-get update run?"
kernel=$cache/$package
if [ ! -e "$kernel/complete" ]; then
    say "Downloading $package into $cache (70 MB, only this time) ..."
    fresh=$(mktemp -d "${TMPDIR:-/tmp}/nepi-kernel.XXXXXX") || exit 1
    trap 'rm -rf "$fresh"' EXIT
    (cd "$fresh" && apt-get download -qq "$package" 2>&1) >"$fresh/log" || die "The kernel could not be downloaded:" "$(cat "$fresh/log")"
    rm -rf "$kernel"
    mkdir -p "$kernel"
    dpkg-deb -x "$fresh"/*.deb "$kernel" || die "$package could not be unpacked into $kernel."
    touch "$kernel/complete"
fi
images=("$kernel"/boot/vmlinuz-*)
[ -e "${images[0]}" ] || die "$kernel has no boot/vmlinuz-*; remove that folder and try again."

[ $# -gt 0 ] || set -- "${default[@]}"
command=$(printf '%q ' env "CI=${CI:-}" "NEPI_CI=${NEPI_CI:-}" bash tools/test_kernel.sh --inside "$@")
log=$(mktemp "${TMPDIR:-/tmp}/nepi-kernel-log.XXXXXX") || exit 1
trap 'rm -rf "$log" "${fresh:-}"' EXIT
say "Booting ${images[0]##*/} (no hardware acceleration, for at most $deadline_s s) ..."
timeout --kill-after=10 "$deadline_s" vng --run "${images[0]}" --disable-microvm --disable-kvm --force-9p \
    --user root --cpus 2 --memory 2G --exec "$command" </dev/null 2>&1 | tee "$log"
status=$(sed -n 's/^The tests ended with status \([0-9]*\)\..*/\1/p' "$log" | tail -n 1)
[ -n "$status" ] || die "The machine ended, or had to be ended after $deadline_s s, before the tests did."
exit "$status"
