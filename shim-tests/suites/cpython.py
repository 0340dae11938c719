#!/usr/bin/env python3
"""CPython's own network tests, with and without the library: cpython.py [MODULE...]

Runs each module of Debian's libpython3-testsuite four times: without the library, with nothing
assigned, and restricted to 127.0.0.1 and to 127.0.0.2. A test whose result isn't that of the run
without is run again by itself, both ways, since some are not the same each time. What still
differs has to be in DIFFERENCES, with the rule that demands it; anything else fails.

Takes ten minutes, and is no part of run.sh.
"""

import os
import pathlib
import re
import subprocess
import sys

MODULES = ["test_socket", "test_asyncio", "test_ssl", "test_httpservers", "test_smtplib"]

# The interpreter that the distribution's test suite belongs to.
PYTHON = "/usr/bin/python3"

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = os.environ.get("IPADDR_LIBRARY", ROOT / "target/release/libipaddr.so")

VARIANTS = {
    "unrestricted": {},
    "127.0.0.1": {"IPADDR_IPV4": "127.0.0.1"},
    "127.0.0.2": {"IPADDR_IPV4": "127.0.0.2"},
}

DUAL_STACK = ":: on a dual-stack socket becomes ::ffff:ADDRESS, so ::1 isn't answered"
WILDCARD = "0.0.0.0 becomes 127.0.0.2, and the test connects to 127.0.0.1"
SEEN = "the test expects getsockname to say 0.0.0.0 after a bind to it"

# (variant, test): the reason.
DIFFERENCES = {
    ("127.0.0.1", "test_socket.CreateServerFunctionalTest.test_dual_stack_client_v6"): DUAL_STACK,
    ("127.0.0.2", "test_socket.CreateServerFunctionalTest.test_dual_stack_client_v6"): DUAL_STACK,
    ("127.0.0.2", "test_socket.CreateServerFunctionalTest.test_dual_stack_client_v4"): WILDCARD,
    ("127.0.0.2", "test_socket.CreateServerFunctionalTest.test_tcp4"): WILDCARD,
    ("127.0.0.2", "test_socket.GeneralModuleTests.testSockName"): SEEN,
    ("127.0.0.2", "test_ssl.ThreadedTests.test_asyncore_server"): WILDCARD,
}
for loop in ["EPoll", "Poll", "Select"]:
    tests = f"test_asyncio.test_events.{loop}EventLoopTests"
    for variant in ["127.0.0.1", "127.0.0.2"]:
        DIFFERENCES[variant, f"{tests}.test_create_server"] = SEEN
        DIFFERENCES[variant, f"{tests}.test_create_server_sock"] = SEEN
    DIFFERENCES["127.0.0.2", f"{tests}.test_create_server_dual_stack"] = WILDCARD
    DIFFERENCES["127.0.0.2", f"{tests}.test_server_close"] = WILDCARD

# Sockets of virtual machines, which block where there is a device and nobody at the other end.
IGNORED = ["-i", "*VSOCK*"]

RESULT = re.compile(
    r"^\w+ \(test\.([\w.]+)\)(?:\n[^\n]*)? \.\.\. .*?(ok|FAIL|ERROR|skipped|expected failure)\b",
    re.MULTILINE | re.DOTALL,
)
LATE = re.compile(r"^(FAIL|ERROR): \w+ \(test\.([\w.]+)\)", re.MULTILINE)


def environment(variant):
    """The environment of a run; None is without the library."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IPADDR_")}
    kept.pop("LD_PRELOAD", None)
    if variant is None:
        return kept
    shim = {"LD_PRELOAD": str(LIBRARY), "IPADDR_POLICY_DIR": "/nonexistent/ipaddr"}
    return kept | shim | VARIANTS[variant]


def run(variant, module, *arguments):
    """The result of each test."""
    command = [PYTHON, "-m", "test", "-v", "--timeout", "540", *IGNORED, *arguments, module]
    process = subprocess.run(
        command,
        env=environment(variant),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=600,
        check=False,
    )
    results = dict(RESULT.findall(process.stdout))
    results.update({test: result for result, test in LATE.findall(process.stdout)})
    if not results:
        sys.exit(f"{' '.join(command)}: no results:\n{process.stdout[-2000:]}")
    return results


def differ(variant, module, test):
    """The two results of a test by itself, without and with."""
    name = test.rsplit(".", 1)[-1]
    alone = [run(side, module, "-m", name).get(test, "no result") for side in (None, variant)]
    return alone if alone[0] != alone[1] else None


def compare(module):
    """Prints a module's lines, and returns the number of differences that nothing demands."""
    bare = run(None, module)
    passed = sum(result == "ok" for result in bare.values())
    print(f"{module}: {len(bare)} tests, {passed} ok without the library", flush=True)
    unexpected = 0
    for variant in VARIANTS:
        shim = run(variant, module)
        suspects = sorted(test for test in bare.keys() | shim.keys() if bare.get(test) != shim.get(test))
        differences = [(test, differ(variant, module, test)) for test in suspects]
        differences = [(test, both) for test, both in differences if both]
        same = len(bare) - len(differences)
        print(f"  {variant}: {same} the same, {len(differences)} not", flush=True)
        for test, (without, with_library) in differences:
            reason = DIFFERENCES.get((variant, test))
            unexpected += reason is None
            print(f"    {test}: {without}, now {with_library}: {reason or 'UNEXPECTED'}", flush=True)
    return unexpected


def main():
    """Compares all modules that are named."""
    if subprocess.run([PYTHON, "-c", "import test.test_socket"], check=False).returncode:
        sys.exit("expected Debian's libpython3-testsuite: apt-get install libpython3-testsuite")
    unexpected = sum(compare(module) for module in sys.argv[1:] or MODULES)
    if unexpected:
        sys.exit(f"{unexpected} differences that no rule demands")


if __name__ == "__main__":
    main()
