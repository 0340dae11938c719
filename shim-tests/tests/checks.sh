# Checks for tests that are written in shell; sourced by them. Each prints a line, ok or not ok. Where
# $shell is set the line says in which shell it was.
# shellcheck shell=sh

passed=0
failed=0
skipped=0
shell=

# check NAME EXPECTED FOUND
check() {
    if [ "$2" = "$3" ]; then
        pass "$1"
    else
        fail "$1" "expected: $2
found:    $3"
    fi
}

# holds NAME TEXT PART
holds() {
    case $2 in
    *"$3"*) pass "$1" ;;
    *) fail "$1" "expected: …$3…
found:    $2" ;;
    esac
}

pass() {
    passed=$((passed + 1))
    printf 'ok - %s%s\n' "${shell:+$shell: }" "$1"
}

fail() {
    failed=$((failed + 1))
    printf 'not ok - %s%s\n' "${shell:+$shell: }" "$1"
    printf '%s\n' "$2" | sed 's/^/# /'
}

# skip WHAT REASON
skip() {
    skipped=$((skipped + 1))
    printf 'skip - %s%s (%s)\n' "${shell:+$shell: }" "$1" "$2"
}

# Whether this is root; skips if it isn't.
root_for() {
    [ "$(id -u)" -eq 0 ] || {
        skip "$1" 'needs root'
        return 1
    }
}

# have COMMAND WHAT: skips if there is no such command.
have() {
    command -v "$1" >/dev/null || {
        skip "$2" "$1 is not installed"
        return 1
    }
}

# Prints the counts; whether nothing has failed.
summary() {
    printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
    [ "$failed" -eq 0 ]
}
