# SPDX-License-Identifier: MIT
"""What all programs have in common: options, faults of the configuration, and lacking privileges."""

import os
import pathlib
import re
import socket
import subprocess

import pytest

from namespace import NO_LEAK_CHECK

HOOKS = ["pre-start", "start", "post-start", "reload"]
PROGRAMS = ["container-init", *HOOKS]
# Those that read the network and are done with it on their own.
NETWORK_PROGRAMS = ["container-init", "pre-start", "post-start"]
MANUAL = pathlib.Path(__file__).parents[2] / "man"
EX_USAGE, EX_OSERR, EX_CONFIG = 64, 71, 78


def run(program, *arguments, **variables):
    return subprocess.run([program, *arguments], env={"PATH": os.environ["PATH"], **variables},
                          capture_output=True, timeout=60)


def operands(program):
    return ["/bin/true"] if program == "container-init" else []


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(build, program, option):
    done = run(build / program, option)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(f"Usage: {program} ".encode())
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def listed_variables(build, program):
    """What --help lists."""
    return re.findall(r"^  (\w+)=", run(build / program, "--help").stdout.decode(), re.MULTILINE)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_is_aligned(build, program):
    """A line for each variable begins in one column, on the next line where there is no room."""
    lines = run(build / program, "--help").stdout.decode().splitlines()
    for line, following in zip(lines, [*lines[1:], ""]):
        if re.match(r"  \w+=", line):
            described = line if line[30:32] == "  " else following
            assert re.fullmatch(r".{31} \S.*", described), line


def test_manual_has_every_variable(build):
    """container.conf(5) has those that the programs know, each once, and no other; container-init(8) has the
    one that start passes to it."""
    known = {name for program in PROGRAMS for name in listed_variables(build, program)}
    entries = re.findall(r"^\.It Ev (\w+) Ns = ", (MANUAL / "container.conf.5").read_text(), re.MULTILINE)
    assert sorted(entries) == sorted(known - {"WAIT_CARRIER"})
    assert {"INSTANCE", "root", "WAIT_CARRIER", "RELOAD_COMMAND"} < known
    assert "WAIT_CARRIER" not in listed_variables(build, "start")


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(build, program, option):
    done = run(build / program, option)
    assert (done.returncode, done.stderr) == (0, b"")
    name, version = done.stdout.decode().split()
    assert name == program
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)


@pytest.mark.parametrize("program", PROGRAMS)
def test_output_that_cannot_be_written(build, program):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([build / program, "--help"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == EX_OSERR
    assert done.stderr == (f"{program}: cannot write to standard output: "
                           "No space left on device\n").encode()


@pytest.mark.parametrize("program,arguments,text", [
    ("container-init", [], "no stage 2 is given"),
    ("container-init", ["--"], "no stage 2 is given"),
    ("container-init", ["--wait=1", "/bin/true"], 'unknown option "--wait=1"'),
    ("container-init", ["-x", "/bin/true"], "unknown option \"-x\""),
    ("pre-start", ["--wait=1"], 'unknown option "--wait=1"'),
    ("post-start", ["web"], 'unknown argument "web"'),
    ("post-start", ["--wait"], "--wait needs a number of seconds"),
    ("post-start", ["--wait=-1"], '--wait="-1": not a number of seconds from 0 to 86400'),
    ("post-start", ["--wait=86401"], '--wait="86401": not a number of seconds from 0 to 86400'),
    ("post-start", ["-w", "3"], "unknown option \"-w\""),
    ("pre-start", ["--wait"], 'unknown option "--wait"'),
    ("start", ["--wait=1"], 'unknown option "--wait=1"'),
    ("start", ["web"], 'unknown argument "web"'),
    ("start", ["--", "--dry-run"], 'unknown argument "--dry-run"'),
    ("start", ["-x"], 'unknown option "-x"'),
    ("reload", ["--wait=1"], 'unknown option "--wait=1"'),
    ("reload", ["web"], 'unknown argument "web"'),
    ("reload", ["-nx"], 'unknown option "-x"'),
    ("reload", ["--dry-run=1"], '"--dry-run=1" takes no value'),
    ("post-start", ["--dry-run=1"], '"--dry-run=1" takes no value'),
    ("post-start", ["--wait=3", "-xn"], "unknown option \"-x\""),
    ("post-start", ["-nx"], "unknown option \"-x\""),
    ("post-start", ["--no\nsuch"], 'unknown option "--no\\x0asuch"'),
    ("post-start", [""], 'unknown argument ""'),
])
def test_usage_error(build, program, arguments, text):
    done = run(build / program, *arguments, INSTANCE="web")
    assert done.returncode == EX_USAGE
    assert done.stderr.decode() == f"{program}: {text}; see {program} --help\n"


@pytest.mark.parametrize("program", HOOKS)
def test_empty_environment(build, program):
    done = subprocess.run([build / program], env={}, capture_output=True)
    assert done.returncode == EX_CONFIG
    assert done.stderr == (f"{program}: INSTANCE is not set; wanted: 1 to 64 of A-Z a-z 0-9 - in "
                           "labels with . between, none with - at an end\n"
                           ).encode()


def test_container_init_with_empty_environment(build):
    done = subprocess.run([build / "container-init", build / "tests/stage2", "report"], env={},
                          capture_output=True)
    assert done.returncode == 0
    assert b"\nenv " not in done.stdout


ALL_FAULTS = {
    "HOST_ADDRESS": "10.0.0.256", "HOST_ADDRESS6": "10.0.0.1", "LOCAL_ADDRESS": "10.0.0.1/33",
    "LOCAL_ADDRESS6": "fe80::1%eth0", "LOCAL_MAC_ADDRESS": "01:00:00:00:00:01",
    "HOST_BRIDGE": "a/b", "LOCAL_GATEWAY": "10.0.0.1/24", "LOCAL_GATEWAY6": "::",
    "EXTRA_VETHS": "sixteen-letters0 lan0,FOO=1 lan0,LOCAL_ADDRESS=x", "WAIT_CARRIER": "soon",
}


@pytest.mark.parametrize("program", [*NETWORK_PROGRAMS, "start"])
def test_all_faults_at_once(namespace, build, program):
    namespace.ip("link add ve-web type veth peer name host0")
    with namespace.unchanged():
        done = namespace.run([build / program, *operands(program)], {"INSTANCE": "web", **ALL_FAULTS})
    assert done.returncode == EX_CONFIG
    lines = done.stderr.splitlines()
    assert len(lines) == len(ALL_FAULTS) + 3  # three more in EXTRA_VETHS
    assert all(line.startswith(f"{program}: ") for line in lines)
    for variable in ALL_FAULTS:
        assert any(line.startswith(f"{program}: {variable}") for line in lines), variable


@pytest.mark.parametrize("program", ["pre-start", "start"])
def test_faults_of_other_programs_variables(build, program):
    done = run(build / program, INSTANCE="web", EXTRA_NSPAWN_FLAGS="--bind='/a",
               HOST_PORT="tcp:0:80", root="relative", TMPFS="tmp", KILL_SIGNAL="SIGNONE",
               RELOAD_COMMAND="true")
    assert done.returncode == EX_CONFIG
    assert len(done.stderr.splitlines()) == 6
    assert b"the single quote at character 8 is not closed" in done.stderr


@pytest.mark.parametrize("program", ["pre-start", "start", "post-start"])
def test_misspelt_variable(network, build, program):
    """Nothing is done for a container that would be in the host's network."""
    network.add_pair("ve-web", "host0")
    with network.host.unchanged():
        done = network.host.run([build / program], {"INSTANCE": "web", "HOST_ADRESS": "10.1.0.1"})
    assert done.returncode == EX_CONFIG
    assert done.stderr == f'{program}: "HOST_ADRESS" is not a variable; wanted: HOST_ADDRESS\n'


def test_misspelt_variable_of_reload(build):
    done = run(build / "reload", INSTANCE="web", RELOAD_COMAND="/bin/true", HOST_ADRESS="10.1.0.1")
    assert done.returncode == EX_CONFIG
    assert done.stderr == (b'reload: "RELOAD_COMAND" is not a variable; wanted: RELOAD_COMMAND\n'
                           b'reload: "HOST_ADRESS" is not a variable; wanted: HOST_ADDRESS\n')


def test_container_init_has_the_environment_of_stage_2(build):
    """What is misspelt there may be a variable of the container's own."""
    done = run(build / "container-init", "/bin/true", HOST_ADRESS="10.1.0.1", INTERFACE="eth0")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("value", [b"x" * 131000, b"\xff\xfe\x80", b"\xc3\xa9", b"10.0.0.1\n", b"\x1b[31m"],
                         ids=["longest", "not-utf8", "utf8", "newline", "escape"])
def test_strange_bytes(build, program, value):
    variable = b"SYSTEM_PATH" if program == "reload" else b"LOCAL_ADDRESS"
    done = subprocess.run([build / program, *operands(program)], capture_output=True,
                          env={b"INSTANCE": b"web", variable: value})
    assert done.returncode == EX_CONFIG
    assert len(done.stderr.splitlines()) == 1 and len(done.stderr) < 300
    assert all(32 <= byte < 127 for byte in done.stderr.rstrip(b"\n"))


def test_many_extra_pairs(build):
    """As many as a variable can hold; each fault is a line, and none takes long."""
    words = " ".join(f"v{i}" for i in range(18000))
    done = run(build / "post-start", "--dry-run", INSTANCE="web", EXTRA_VETHS=words)
    assert done.returncode == 0
    assert done.stdout.count(b" up\n") == 18000


@pytest.mark.parametrize("program", NETWORK_PROGRAMS)
def test_without_capability(network, build, program):
    network.add_pair("ve-web", "host0")
    namespace = network.container if program == "container-init" else network.host
    with namespace.unchanged():
        done = namespace.run(["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--",
                              build / program, *operands(program)],
                             {"INSTANCE": "web", "LOCAL_ADDRESS": "10.1.0.2"})
    assert done.returncode == EX_OSERR
    assert done.stderr.endswith(": CAP_NET_ADMIN is needed, which root has\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("program", NETWORK_PROGRAMS)
def test_without_netlink(namespace, build, program):
    done = namespace.run(["strace", "-qq", "-o", "/dev/null", "-e", "trace=socket", "-e",
                          "inject=socket:error=EAFNOSUPPORT", build / program, *operands(program)],
                         {"INSTANCE": "web", "LOCAL_ADDRESS": "10.1.0.2", **NO_LEAK_CHECK})
    assert done.returncode == EX_OSERR
    assert done.stderr == (f"{program}: cannot open a netlink socket: Address family not supported by "
                           "protocol: AF_NETLINK must be allowed, see RestrictAddressFamilies= in "
                           "systemd.exec(5)\n")


@pytest.mark.release  # sanitizers read /proc
@pytest.mark.parametrize("program", ["container-init", "pre-start"])
def test_without_proc(network, build, program, skip_without):
    skip_without("mounts")
    network.add_pair("ve-web", "host0")
    namespace = network.container if program == "container-init" else network.host
    done = namespace.run(["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh",
                          build / program, *operands(program)],
                         {"INSTANCE": "web", "LOCAL_ADDRESS": "10.1.0.2"})
    assert done.returncode == 0


# Where the journal listens, with another /run.
PRIVATE_RUN = ["unshare", "--mount", "sh", "-c", 'mount -n --bind "$1" /run && shift && exec "$@"', "sh"]


@pytest.mark.parametrize("program", HOOKS)
def test_journal_gets_levels(namespace, build, program, skip_without, tmp_path, monkeypatch):
    """JOURNAL_STREAM holds device and inode of standard error when that is the journal."""
    skip_without("mounts")
    (tmp_path / "systemd/journal").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "systemd/journal")
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    journal.bind("socket")
    reader, writer = os.pipe()
    status = os.fstat(writer)
    text = f"{program}: INSTANCE is not set"
    for stream in (f"{status.st_dev}:{status.st_ino}", "1:1"):
        namespace.run([*PRIVATE_RUN, tmp_path, build / program], {"JOURNAL_STREAM": stream},
                      capture_output=False, stderr=writer)
        if stream == "1:1":
            assert os.read(reader, 4096).decode().startswith(text)
        else:
            message = journal.recv(4096)
            assert b"PRIORITY\n" + (1).to_bytes(8, "little") + b"3\n" in message
            assert text.encode() in message
    with pytest.raises(BlockingIOError):
        journal.recv(4096)
    journal.close()
    os.close(reader)
    os.close(writer)
