# SPDX-License-Identifier: MIT
"""The check of all declared containers while a system is built: what a start would refuse fails the build."""

import re
import subprocess

import pytest

from evaluation import MODULE, module
from world import PROGRAMS

PATH = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-nixos-system"
CHECK = MODULE / "check-container"


@pytest.fixture
def built(evaluate, run_check):
    """Builds the check of a configuration: its status, and what it prints."""
    def build(*definitions):
        found = evaluate(module(*definitions))
        assert found.faults == []
        (check,) = found.checks
        return run_check(check)
    return build


def container(name, text):
    return f'containers.{name} = {{ path = "{PATH}"; {text} }};'


PAIR = 'privateNetwork = true; hostAddress = "10.0.0.1"; localAddress = "10.0.0.2";'


def test_what_can_be_started_is_built(built):
    assert built(
        container("web", PAIR), container("host", ""),
        container("bridge", 'privateNetwork = true; hostBridge = "br-later"; localAddress = "10.1.0.2/24";'),
        container("quoted", 'extraFlags = [ "--setenv=A=\'$HOME`x`\\\\\\\\\'" ]; bindMounts."/my data" = { };'),
        'containers.flake = { flake = "github:example/web?dir=a&ref=b"; };') == (0, "")


# Options, and the beginning of what is printed.
FAULTS = {
    f'{PAIR} localMacAddress = "03:00:00:00:00:01";': 'start: LOCAL_MAC_ADDRESS="03:00:00:00:00:01": ',
    'privateNetwork = true; hostAddress = "10.0.0.300";': 'start: HOST_ADDRESS="10.0.0.300": ',
    'networkNamespace = "/run/netns/blue"; privateUsers = "pick";': "start: NETWORK_NAMESPACE_PATH",
    'privateNetwork = true; forwardPorts = [ { hostPort = 80; protocol = "icmp"; } ];': "start: HOST_PORT=",
    f'{PAIR} container-init.variables.MTU = 20;': 'start: MTU="20": ',
    'container-init.variables.COMMAND = "/bin/sh";': "start: COMMAND",
    'extraFlags = [ "--boot" ];': "start: EXTRA_NSPAWN_FLAGS",
    'extraVeths.lan0.hostAddress = "10.0.0.1/33";': "start: EXTRA_VETHS",
}


@pytest.mark.parametrize("options", FAULTS)
def test_what_a_start_would_refuse_is_not(options, built):
    status, printed = built(container("db", options), container("web", PAIR))
    assert status == 1
    assert printed.startswith(f"containers.db: {FAULTS[options]}")
    assert "containers.web: " not in printed


def test_all_faults_are_printed(built):
    bad = 'privateNetwork = true; hostAddress = "a"; localAddress = "b";'
    status, printed = built(container("db", bad), container("web", bad))
    assert status == 1
    assert [line.split("=")[0] for line in printed.splitlines()] == [
        f"containers.{name}: start: {variable}" for name in ("db", "web") for variable in ("HOST_ADDRESS", "LOCAL_ADDRESS")]


def test_a_container_without_it_is_not_checked(built):
    bad = 'privateNetwork = true; hostAddress = "a"; container-init.enable = false;'
    assert built(container("db", bad), container("web", PAIR)) == (0, "")


def test_without_a_container_there_is_no_check(evaluate):
    assert evaluate(module("boot.enableContainers = true;")).checks == []


def test_programs_of_another_machine_are_not_run(evaluate):
    assert evaluate(module(container("web", PAIR)), "--arg", "canExecute", "false").checks == []


def test_a_container_s_file_is_read_as_systemd_reads_it(tmp_path):
    """Also what is added to environment.etc."nixos-containers/web.conf"."""
    file = tmp_path / "web.conf"
    file.write_text('# A=1\n\n  HOST_ADDRESS = 1\nLOCAL_ADDRESS=10.0.0.2 \nroot=/elsewhere\nMTU="1400"\n'
                    'EXTRA_NSPAWN_FLAGS="--setenv=A=\\"\\$b\\" \\\\\\\\ \'c\'"\nMTU=1300\n')
    printing = tmp_path / "start"
    printing.write_text("#!/bin/sh\nenv >&2\n")
    printing.chmod(0o755)
    done = subprocess.run([CHECK, printing, "/usr/bin", "web", "/root-of-web", file], capture_output=True, text=True)
    found = dict(line.removeprefix("containers.web: ").split("=", 1) for line in done.stderr.splitlines())
    assert found.pop("PWD")
    assert found == {"PATH": "/usr/bin", "INSTANCE": "web", "root": "/root-of-web", "LOCAL_ADDRESS": "10.0.0.2",
                     "MTU": "1300", "EXTRA_NSPAWN_FLAGS": '--setenv=A="$b" \\\\ \'c\''}


def test_known_variables_are_those_of_the_programs(nix, build):
    known = nix.evaluate("--expr", f"(import {MODULE}/variables.nix).known")
    pages = "".join(subprocess.run([build / program, "--help"], capture_output=True, text=True, check=True).stdout
                    for program in ("pre-start", "start", "post-start", "reload", "container-init"))
    assert sorted(known) == sorted(set(re.findall(r"^  (\w+)=", pages, re.MULTILINE)))
