# SPDX-License-Identifier: MIT
"""What options mean as variables, without nixpkgs: each translation is given to the programs."""

import glob
import os
import random
import re
import shlex
import subprocess

import pytest

import behaviour
from evaluation import MODULE, EvaluationError, read_environment_file

DEFAULTS = """{
  additionalCapabilities = []; enableTun = false; tmpfs = []; ephemeral = false; extraVeths = {};
  bindMounts = {}; extraFlags = []; privateNetwork = true; forwardPorts = []; container-init.variables = {};
}"""
BASE = {"INSTANCE": "web", "STAGE2": "/init"}


@pytest.fixture
def lines(nix):
    """The lines of a container's file that its options become."""
    return lambda options: nix.evaluate(
        "--expr", f'(import {MODULE}/variables.nix).lines "web" ({DEFAULTS} // {{ {options} }})')


@pytest.fixture
def dry_run(build, tmp_path):
    root = tmp_path / "root"
    (root / "usr").mkdir(parents=True)
    (root / "init").touch(mode=0o755)

    def run(program, variables, *arguments):
        done = subprocess.run([build / program, "--dry-run", *arguments],
                              env={"PATH": os.environ["PATH"], "root": str(root), **variables},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return run


@pytest.fixture
def nspawn(dry_run):
    """The command line of systemd-nspawn."""
    def arguments(variables):
        commands = behaviour.read_commands(dry_run("start", {**BASE, **variables}))
        return next(command for command in commands if "systemd-nspawn" in command)
    return arguments


# Options, the variables that they become, what systemd-nspawn gets and what is done in the container.
TRANSLATIONS = {
    "nothing": ("", {}, [], []),
    "capabilities": ('additionalCapabilities = [ "CAP_MKNOD" "CAP_SYS_TIME" ];',
                     {"CAPABILITIES": "CAP_MKNOD,CAP_SYS_TIME"}, ["--capability=CAP_MKNOD,CAP_SYS_TIME"], []),
    "tun": ('enableTun = true; additionalCapabilities = [ "CAP_MKNOD" ];',
            {"CAPABILITIES": "CAP_MKNOD,CAP_NET_ADMIN"}, ["--capability=CAP_MKNOD,CAP_NET_ADMIN"], []),
    "tmpfs": ('tmpfs = [ "/var" "/srv/cache:mode=0755" ];', {"TMPFS": "/var /srv/cache:mode=0755"},
              ["--tmpfs=/var", "--tmpfs=/srv/cache:mode=0755"], []),
    "tmpfs of the template": ("tmpfs = null;", {}, [], []),
    "ephemeral": ("ephemeral = true;", {"EPHEMERAL": "1"}, ["--ephemeral"], []),
    "an extra pair": (
        'extraVeths.db = { hostAddress = "10.1.0.1"; localAddress = "10.1.0.2"; hostAddress6 = null; };',
        {"EXTRA_VETHS": "db,HOST_ADDRESS=10.1.0.1,LOCAL_ADDRESS=10.1.0.2"}, ["--network-veth-extra=db"],
        ["ip link set dev db up", "ip address add 10.1.0.2/32 dev db", "ip route add 10.1.0.1 dev db"]),
    "two extra pairs": (
        'extraVeths.a = { hostBridge = "br0"; }; extraVeths.b = { localAddress6 = "fd00:11::2"; };',
        {"EXTRA_VETHS": "a,HOST_BRIDGE=br0 b,LOCAL_ADDRESS6=fd00:11::2"},
        ["--network-veth-extra=a", "--network-veth-extra=b"],
        ["ip link set dev a up", "ip link set dev b up", "ip address add fd00:11::2/128 dev b nodad"]),
    "plain flags": ('extraFlags = [ "--drop-capability=CAP_SYS_CHROOT" "--a  --b" ];', {}, [], []),
    "quoted flags": (
        '''extraFlags = [ "--setenv=A='$b'" ]; '''
        'bindMounts."/x" = { isReadOnly = true; hostPath = "/srv/a\\\\:b"; mountPoint = "/x"; };',
        {"EXTRA_NSPAWN_FLAGS": r"""'--bind-ro=/srv/a\:b:/x' '--setenv=A='\''$b'\'''"""},
        [r"--bind-ro=/srv/a\:b:/x", "--setenv=A='$b'"], []),
    "variables": (
        '''container-init.variables = { LOCAL_GATEWAY = "10.0.0.9"; DEVICE_TIMEOUT = 30;
             RELOAD_COMMAND = "/bin/echo \\"$a\\" `b` \\\\"; };''',
        {"LOCAL_GATEWAY": "10.0.0.9", "DEVICE_TIMEOUT": "30", "RELOAD_COMMAND": '/bin/echo "$a" `b` \\'},
        None, None),
    "a gateway": (
        'container-init.variables.LOCAL_GATEWAY = "10.0.0.9";', {"LOCAL_GATEWAY": "10.0.0.9"}, ["--network-veth"],
        ["ip route add default via 10.0.0.9 dev eth0"]),
}


@pytest.mark.parametrize("case", TRANSLATIONS)
def test_options_become_variables(case, lines, nspawn, dry_run):
    options, variables, flags, inside = TRANSLATIONS[case]
    found = read_environment_file(lines(options))
    assert found == variables
    if flags is None:
        return
    dry_run("pre-start", {**BASE, **found})
    assert [flag for flag in nspawn(found) if flag in flags] == flags
    plan = dry_run("container-init", found, "/init").splitlines()
    assert [line for line in plan if line in inside] == inside


# What an option has that no variable can say.
FAULTS = {
    'extraVeths."a,b" = { };': "containers.web.extraVeths",
    'extraVeths."a b" = { };': "containers.web.extraVeths",
    'extraVeths."sixteen-letters-" = { };': "containers.web.extraVeths",
    'extraVeths.a.hostAddress = "10.0.0.1 10.0.0.2";': "containers.web.extraVeths.a.hostAddress",
    'extraVeths.a.hostBridge = "br0,br1";': "containers.web.extraVeths.a.hostBridge",
    'tmpfs = [ "/a b" ];': "containers.web.tmpfs",
    'tmpfs = [ "a" ];': "containers.web.tmpfs",
    'additionalCapabilities = [ "CAP_SYS_TIME CAP_MKNOD" ];': "containers.web.additionalCapabilities",
    '''extraFlags = [ "--setenv=A=b\\"" ];''': "containers.web.extraFlags",
    '''extraFlags = [ "--setenv=A=b\\\\" ];''': "containers.web.extraFlags",
}


@pytest.mark.parametrize("options", FAULTS)
def test_what_cannot_be_said_is_an_error_that_names_the_option(options, lines):
    with pytest.raises(EvaluationError, match=re.escape(FAULTS[options] + ": ")):
        lines(options)


ALPHABET = ["a", "b", " ", "\t", "'", '"', "\\", "$a", "`", "*", ";", ":", "=", "~", "#", "\\:", "\\\\"]


def texts(count, letters):
    source = random.Random(1)
    return ["".join(source.choices(letters, k=source.randint(1, 12))) for _ in range(count)]


def nix_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'


def words_of_bash(value, directory):
    """A value as the script splits it; no file there has a name that one of its patterns matches."""
    done = subprocess.run(["bash", "-c", "printf '%s\\n' ${EXTRA_NSPAWN_FLAGS-}"], cwd=directory,
                          env={"EXTRA_NSPAWN_FLAGS": value}, capture_output=True, text=True)
    return done.stdout.split("\n")[:-1] if value.strip() else []


@pytest.fixture
def empty(tmp_path):
    directory = tmp_path / "empty"
    directory.mkdir()
    return directory


def test_flags_are_the_words_that_the_script_sees(nix, nspawn, empty):
    """The file that NixOS writes, as systemd reads it and bash splits it."""
    flags = texts(200, ALPHABET)
    expression = f"""
      let
        container = flag: {DEFAULTS} // {{ extraFlags = [ flag ]; }};
        lines = flag: builtins.tryEval ((import {MODULE}/variables.nix).lines "web" (container flag));
      in map lines [ {" ".join(map(nix_string, flags))} ]"""
    checked = 0
    for flag, lines in zip(flags, nix.evaluate("--expr", expression)):
        stock = f'EXTRA_NSPAWN_FLAGS=" {flag}"\n'
        if not lines["success"]:
            continue
        before = read_environment_file(stock).get("EXTRA_NSPAWN_FLAGS", "")
        after = read_environment_file(stock + lines["value"]).get("EXTRA_NSPAWN_FLAGS", "")
        assert shlex.split(after) == words_of_bash(before, empty), flag
        checked += 1
    assert checked > 50
    literal = "--setenv=A='b' --setenv=B=\\c"
    line = nix.evaluate("--expr", f"""(import {MODULE}/variables.nix).lines "web"
        ({DEFAULTS} // {{ extraFlags = [ {nix_string(literal)} ]; }})""")
    assert nspawn(read_environment_file(line))[-4:-2] == literal.split()


def test_literal_flags_are_the_words_that_the_script_sees(nspawn, empty):
    """Also of a file that NixOS wrote for its scripts alone, without this module. Each word is a flag."""
    for flag in texts(200, [letter + "--b" if letter in " \t" else letter for letter in ALPHABET]):
        read = read_environment_file(f'EXTRA_NSPAWN_FLAGS=" --a {flag}"\n')
        words = words_of_bash(read["EXTRA_NSPAWN_FLAGS"], empty)
        arguments = nspawn({**read, "LITERAL_NSPAWN_FLAGS": "1"})
        assert arguments[-len(words) - 2:-2] == words, flag


def test_a_bind_mount_is_one_flag(lines):
    """Also where the script would split it."""
    found = read_environment_file(lines('''
        bindMounts."/my data" = { isReadOnly = true; hostPath = "/srv/a  b"; mountPoint = "/my data"; };
        extraFlags = [ "--a  --b" ];'''))
    assert shlex.split(found["EXTRA_NSPAWN_FLAGS"]) == ["--bind-ro=/srv/a  b:/my data", "--a", "--b"]


def printed(text):
    """A value as systemd prints it, in double quotes where it must be."""
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", lambda found: {"t": "\t", "n": "\n"}.get(found[1], found[1]), text[1:-1])


def test_files_are_read_as_systemd_reads_them(tmp_path):
    """Its generator for environment.d has the same parser. It expands variables and leaves empty ones out."""
    generator = glob.glob("/usr/lib/systemd/user-environment-generators/30-*")[0]
    for number, value in enumerate(texts(200, [letter for letter in ALPHABET if letter != "$a"])):
        file = tmp_path / str(number) / "environment.d/a.conf"
        file.parent.mkdir(parents=True)
        file.write_text(f"AAA={value}\nBBB=\"{value}\"\n")
        done = subprocess.run([generator], env={"XDG_CONFIG_HOME": str(tmp_path / str(number)), "HOME": "/nowhere"},
                              capture_output=True, text=True, check=True)
        found = re.findall(r"^(AAA|BBB)=(.*)$", done.stdout, re.MULTILINE)
        read = {name: text for name, text in read_environment_file(file.read_text()).items() if text}
        assert read == {name: printed(text) for name, text in found}, value
