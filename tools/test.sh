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
titles=()
failed=0

# run_part TITLE COMMAND...: run it, keep its last line for the summary, remember a failure.
run_part() {
    local title=$1 log="$work/log.${#titles[@]}"
    shift
    printf '\n== %s\n' "$title"
    titles+=("$title")
    "$@" 2>&1 | tee "$log"
    [ "${PIPESTATUS[0]}" = 0 ] || failed=1
}

here=(.venv/bin/python -m pytest "--color=$colour")

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
        if ! make_copy || ! nobody_can_use "$tree"; then
            echo "The copy cannot be used by nobody either."
            return 1
        fi
    fi
    (cd "$tree" && as_nobody "${here[@]}" -p no:cacheprovider -m 'netns and not root and not bench' "$@")
}

run_part 'pure, two at a time' "${here[@]}" -n 2 -m 'not netns and not root and not bench' "$@"
if [ "$(id -u)" = 0 ]; then
    run_part 'namespaces, as root' "${here[@]}" -m '(netns or root) and not bench' "$@"
    run_part 'namespaces, as nobody' rootless "$@"
else
    run_part "namespaces, as $(id -un)" "${here[@]}" -m 'netns and not root and not bench' "$@"
fi

printf '\n== summary\n'
for number in "${!titles[@]}"; do
    printf '%-24s %s\n' "${titles[number]}" "$(tail -n 1 "$work/log.$number" | sed 's/^=* *//; s/ *=*$//')"
done
exit "$failed"
