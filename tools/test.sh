#!/usr/bin/env bash
# The whole suite: everything that this machine and this user can run. Called by `make test`, after tools/setup.sh dev tools.
#
# As root: all of it, and the tests that make namespaces once more as the user nobody, for rootless is first-class.
# As an ordinary user: all that needs no root. Arguments go to pytest.
set -uo pipefail

work=$(mktemp -d "${TMPDIR:-/tmp}/nepi.XXXXXX") || exit 1 # short: UNIX sockets lie below it
trap 'rm -rf "$work"' EXIT
colour=auto
[ ! -t 1 ] || colour=yes
here=(.venv/bin/python -m pytest "--color=$colour")
titles=()
MOST_TRIED_AGAIN=5

# run_part NUMBER COMMAND...: run it with a cache of its own, keep its output and how it ended.
run_part() {
    local number=$1
    shift
    NEPI_TEST_CACHE=$work/cache.$number "$@" >"$work/log.$number" 2>&1
    echo $? >"$work/ended.$number"
}

# A test of the real kernel, in real time, on a busy machine may fail by chance. The few that failed are tried once more, alone; what
# passes only then is named in the summary, for it is a mistake in the test or in the code all the same.
second_try() {
    local number=$1 failures
    shift
    failures=$(grep -c '": true' "$work/cache.$number/v/cache/lastfailed" 2>/dev/null)
    [ "$(cat "$work/ended.$number")" = 1 ] && [ "${failures:-0}" -ge 1 ] && [ "$failures" -le "$MOST_TRIED_AGAIN" ] || return
    printf '\n== %s: %s failed, tried once more, alone\n' "${titles[number]}" "$failures"
    cp "$work/cache.$number/v/cache/lastfailed" "$work/flaky.$number"
    NEPI_TEST_CACHE=$work/cache.$number "$@" --last-failed --last-failed-no-failures none 2>&1 | tee "$work/log.$number.again"
    [ "${PIPESTATUS[0]}" != 0 ] || echo again >"$work/ended.$number"
}

# nobody gets a home and a scratch folder of its own, and leaves nothing in the tree.
as_nobody() {
    local home=$work/n
    [ -d "$home" ] || { mkdir -p "$home/tmp" && chown -R nobody "$home"; }
    chmod 711 "$work"
    setpriv --reuid "$(id -u nobody)" --regid "$(id -g nobody)" --clear-groups \
        env -i PATH="$PATH" HOME="$home" TMPDIR="$home/tmp" LANG=C.UTF-8 TERM="${TERM:-dumb}" \
        CI="${CI:-}" NEPI_CI="${NEPI_CI:-}" PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY="$home/hypothesis" "$@"
}

nobody_can_use() { (cd "$1" && as_nobody .venv/bin/python -c 'import nepi, pytest, os; os.listdir("tests")') 2>/dev/null; }

# Where this tree, or its interpreter, is closed to nobody: a copy of the tree with an environment of its own.
make_copy() {
    mkdir "$work/copy" || return
    { git ls-files -co --exclude-standard -z 2>/dev/null || find . -path ./.venv -prune -o -type f -print0; } |
        tar -c --ignore-failed-read --null -T - | tar -x -C "$work/copy" || return
    (umask 022 && chmod -R go+rX "$work/copy" && cd "$work/copy" && PYTHON=/usr/bin/python3 tools/setup.sh dev)
}

rootless() {
    local tree=$PWD
    if ! nobody_can_use "$tree"; then
        tree=$work/copy
        echo "The user nobody cannot use $PWD; testing a copy of it."
        if ! { [ -d "$tree" ] || make_copy; } || ! nobody_can_use "$tree"; then
            echo "The copy cannot be used by nobody either."
            return 1
        fi
    fi
    mkdir -p "$NEPI_TEST_CACHE" && chown -R nobody "$NEPI_TEST_CACHE"
    (cd "$tree" && as_nobody "${here[@]}" -o "cache_dir=$NEPI_TEST_CACHE" -m 'netns and not root and not bench' "$@")
}

in_tree() { "${here[@]}" -o "cache_dir=$NEPI_TEST_CACHE" "$@"; }

pure() { in_tree -n 2 -m 'not netns and not root and not bench' "$@"; }
as_root() { in_tree -m '(netns or root) and not bench' "$@"; }
without_machines() { as_root "${machines[@]/#/--ignore=}" "$@"; }
machines() { as_root "${machines[@]}" "$@"; }
as_user() { in_tree -m 'netns and not root and not bench' "$@"; }

# Tests with a lab of hosts of their own: a part for itself, which takes as long as that of namespaces.
machines=(tests/lab tests/cli/test_lab.py tests/hosts/devices tests/hosts/remote tests/hosts/remote_agent tests/resources/linux
    tests/resources/netns/split tests/resources/hybrid/test_hosts.py tests/resources/ns3/test_elsewhere.py)

titles=('pure, two at a time')
parts=(pure)
if [ "$(id -u)" = 0 ] && [ $# = 0 ]; then
    titles+=('namespaces, as root' 'hosts over SSH, as root' 'namespaces, as nobody')
    parts+=(without_machines machines rootless)
elif [ "$(id -u)" = 0 ]; then
    titles+=('namespaces, as root' 'namespaces, as nobody')
    parts+=(as_root rootless)
else
    titles+=("namespaces, as $(id -un)")
    parts+=(as_user)
fi

# The pure part uses all cores. The others mostly wait for real time to pass, so they run side by side.
start() {
    run_part "$1" "${parts[$1]}" "${@:2}" &
    pids[$1]=$!
}
show_until_ended() {
    printf '\n== %s\n' "${titles[$1]}"
    tail -n +1 -F --pid="${pids[$1]}" "$work/log.$1" 2>/dev/null
    wait "${pids[$1]}"
}
pids=()
start 0 "$@"
show_until_ended 0
for ((number = 1; number < ${#parts[@]}; number++)); do start "$number" "$@"; done
for ((number = 1; number < ${#parts[@]}; number++)); do show_until_ended "$number"; done
for number in "${!parts[@]}"; do second_try "$number" "${parts[number]}" "$@"; done

failed=0
printf '\n== summary\n'
for number in "${!parts[@]}"; do
    printf '%-25s %s\n' "${titles[number]}" "$(tail -n 1 "$work/log.$number" | sed 's/^=* *//; s/ *=*$//')"
    case $(cat "$work/ended.$number") in
    0) ;;
    again) sed -n 's/^ *"\(.*\)": true,*$/    passed only when tried again: \1/p' "$work/flaky.$number" ;;
    *) failed=1 ;;
    esac
done
exit "$failed"
