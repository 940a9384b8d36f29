# SPDX-License-Identifier: MIT
"""The NixOS tests in virtual machines, as far as they go without one: their machines are evaluated and
checked, and their scripts are run against a machine that only listens."""

import functools
import json
import re
import subprocess

import pytest

from evaluation import MODULE, System
from world import PROGRAMS

TESTS = ["bridge", "early", "ephemeral", "imperative", "off", "pair", "reload"]
SYSTEM = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-nixos-system"


@pytest.fixture(scope="module")
def test_of(nixpkgs):
    """A test as an expression."""
    return lambda name: (f"(import {MODULE}/tests.nix {{ lib = import {nixpkgs}/lib; "
                         f"testers.runNixOSTest = test: test; }}).{name}")


@pytest.fixture(scope="module")
def machines(nix, nixpkgs, test_of):
    """The machines of a test, and what they are switched to, by name."""
    def evaluate(configuration):
        return System(nix, nixpkgs, configuration, "--arg", "allDeclared", "false")

    @functools.cache
    def made(name):
        test = test_of(name)
        nodes = nix.evaluate("--expr", f"""builtins.mapAttrs
            (_: node: builtins.attrNames (node.specialisation or {{ }})) ({test}).nodes""")
        found = {node: evaluate(f"({test}).nodes.{node}") for node in nodes}
        for node, others in nodes.items():
            for other in others:
                of_node = f"({test}).nodes.{node}"
                found[other] = evaluate(
                    f"{{ imports = [ {of_node} {of_node}.specialisation.{other}.configuration ]; }}")
        return found
    return made


class Recorder:
    """The methods of the driver's machines that the tests use, as the driver has them."""

    def __init__(self, units, calls):
        self._units = units
        self._calls = calls

    def _record(self, commands):
        for command in commands:
            done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
            assert done.returncode == 0, (command, done.stderr)
        self._calls.extend(commands)

    def succeed(self, *commands, timeout=None):
        self._record(commands)
        return ""

    def fail(self, *commands, timeout=None):
        self._record(commands)
        return ""

    def wait_until_succeeds(self, command, timeout=900):
        self._record([command])
        return ""

    def wait_until_fails(self, command, timeout=900):
        self._record([command])
        return ""

    def wait_for_unit(self, unit, user=None, timeout=900):
        assert unit == "multi-user.target" or unit in self._units, unit
        self._calls.append(f"wait {unit}")


class Subtest:
    def __init__(self, name):
        assert name

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return False


@pytest.fixture
def calls(nix, test_of, machines):
    """What the script of a test does."""
    def run(name):
        nodes = {node: {"containers": {"declared": {"path": SYSTEM}}} for node in machines(name)}
        script = nix.evaluate("--expr", f"""
            let script = ({test_of(name)}).testScript; nodes = builtins.fromJSON ''{json.dumps(nodes)}'';
            in if builtins.isFunction script then script {{ inherit nodes; }} else script""")
        made = []
        known = {node: Recorder(system.units, made) for node, system in machines(name).items()}
        exec(compile(script, f"{name}.py", "exec"), {**known, "start_all": lambda: None, "subtest": Subtest})
        return made
    return run


def test_these_are_the_tests(nix, test_of):
    names = nix.evaluate("--expr", "builtins.attrNames " + test_of("pair").removesuffix(".pair"))
    assert names == TESTS


@pytest.mark.parametrize("name", TESTS)
def test_the_machines_can_be_built(name, machines, run_check):
    for node, system in machines(name).items():
        is_stock = node in ("stock", "off")
        assert (system.faults, system.warnings) == ([], []), node
        for instance in (unit.removesuffix(".service").removeprefix("container@") for unit in system.units):
            starts = system.unit(instance).one("ExecStart") == f"{PROGRAMS}/pre-start {PROGRAMS}/start"
            assert starts != is_stock, (node, instance)
        for check in system.checks:
            assert run_check(check) == (0, ""), node
        assert bool(system.checks) != is_stock


@pytest.mark.parametrize("name", TESTS)
def test_the_script_is_run_to_its_end(name, calls):
    assert calls(name)


@pytest.mark.parametrize("name", [name for name in TESTS if name != "imperative"])
def test_the_addresses_of_the_script_are_those_of_the_machines(name, calls, machines):
    configured = " ".join(text for system in machines(name).values() for text in system.etc.values())
    pinged = re.findall(r"ping -n -c 1 ([0-9a-f.:]+)$", "\n".join(calls(name)), re.MULTILINE)
    assert pinged
    assert [address for address in pinged if address not in configured] == []


def test_the_two_machines_of_early_differ_in_the_module_alone(machines):
    both = machines("early")
    assert both["stock"].file("web") == both["programs"].file("web")


def test_what_is_reloaded_differs_in_addresses_alone(machines):
    before, after = (machines("reload")[name] for name in ("machine", "address"))
    assert before.unit("web").one("X-RestartIfChanged") == after.unit("web").one("X-RestartIfChanged") == "false"
    assert before.file("web").replace("10.231.136.", "10.231.137.") == after.file("web")
