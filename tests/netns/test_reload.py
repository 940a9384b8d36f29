# SPDX-License-Identifier: MIT
"""reload for a container that a process stands for, in network namespaces of its own."""

import contextlib
import itertools
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys

import pytest

from container import LONG, children_of, wait_until
from covering import CASES, covering
from namespace import Namespace

RELOAD_COMMAND = "/bin/echo 'a b' '$HOME'"
NO_BUS = ("reload: the service manager of container web does not answer: it must be systemd, with the system bus "
          "of D-Bus; systemctl restart applies everything\n")


class UserNamespace(Namespace):
    """A network namespace that belongs to a user namespace, as of a container with users of its own."""

    def __init__(self, parent):
        self._holder = subprocess.Popen(
            [*parent.enter, "unshare", "--user", "--map-root-user", "--net", "sh", "-c", "echo; exec sleep infinity"],
            stdout=subprocess.PIPE)
        self._holder.stdout.readline()
        self.pid = self._holder.pid
        self.enter = ["nsenter", "--user", "--preserve-credentials", "--net", "--target", str(self.pid), "--"]


class Running:
    """A container "web" that runs: a process in the place of systemd-nspawn, whose child is PID 1 of a
    PID namespace, with the network of a container."""

    def __init__(self, starter, container, init=("sh", "-c", "echo; exec sleep infinity")):
        self._starter = starter
        self.host = starter.network.host
        self.container = container
        self._nspawn = subprocess.Popen([*container.enter, "unshare", "--pid", "--fork", "--kill-child", *init],
                                        stdout=subprocess.PIPE, text=True)
        self.output = self._nspawn.stdout
        self.output.readline()
        (self.leader,) = children_of(self._nspawn.pid)
        machines = starter.run_directory / "systemd/machines"
        machines.mkdir(parents=True)
        (machines / "web").touch()
        self.answer("echo running")
        self.be_known(self.leader)
        starter.add_program("systemd-run", 'printf "%s|" "$@" >"$0.call"; exit 7')
        self.record = starter.run_directory / "container-variables/web"
        self.record.parent.mkdir()
        self.started_with({})

    @property
    def process(self):
        """Of systemd-nspawn: PID and start time."""
        stat = pathlib.Path(f"/proc/{self._nspawn.pid}/stat").read_text()
        return f"{self._nspawn.pid} {stat.rpartition(')')[2].split()[19]}"

    def started_with(self, variables, process=None):
        """Writes the record as start does."""
        network = [f"{name}={value}" for name, value in variables.items()]
        given = ["INSTANCE=web", f"root={self._starter.root}", *network]
        strings = [process or self.process, *given, "", "INSTANCE=web", *network]
        self.record.write_text("".join(f"{string}\0" for string in strings))

    def answer(self, script):
        """What asking the service manager for its state comes to."""
        self._starter.add_program("systemctl", script)

    def be_known(self, leader):
        """To systemd-machined."""
        self._starter.add_program("machinectl", f"echo {leader}")

    @property
    def call(self):
        """The arguments of systemd-run."""
        call = self._starter.bin / "systemd-run.call"
        return call.read_text().split("|")[:-1] if call.exists() else None

    def reload(self, variables, *arguments):
        return self._starter.run_command([self._starter.build / "reload", *arguments], variables)

    def reloads(self, variables):
        done = self.reload(variables)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    # The links, as systemd-nspawn makes them and container-init and the waiter configure them.

    def configure(self, variables):
        pairs = []
        if set(variables) - {"EXTRA_VETHS"}:
            pairs.append(("vb-web" if "HOST_BRIDGE" in variables else "ve-web", "host0"))
        pairs += [word.partition(",")[0].split(":") for word in variables.get("EXTRA_VETHS", "").split()]
        self.host.ip(*(f"link add {outer} type veth peer name {inner} netns {self.container.pid}"
                       for outer, inner in pairs))
        build = self._starter.build
        assert self.container.run([build / "container-init", "/bin/true"], variables).returncode == 0
        done = self.host.run([build / "post-start"], {"INSTANCE": "web", **variables})
        assert done.returncode == 0, done.stderr
        return [outer for outer, _ in pairs]

    def start(self, variables):
        links = self.configure(variables)
        self.started_with(variables)
        return links

    def close(self):
        self._nspawn.kill()
        self._nspawn.wait()
        self.output.close()


@pytest.fixture
def running(starter):
    made = Running(starter, starter.network.container)
    yield made
    made.close()


BRIDGES = ["br0", "br1"]


def state(namespace, macs):
    """What the kernel holds of links, addresses and routes, but for what it chooses itself or adds later by
    itself; of MAC addresses those that were asked for."""
    texts = []
    for command in ("link", "address", "route show table all", "-6 route show table all"):
        text = namespace.run(["ip", "-o", *command.split()]).stdout
        for word, plain in ((r"^\d+: ", ""), (r"@if\d+|@\w+", ""), (r".*(fe80::.*:|fe80::/64|ff00::/8| table local ).*", ""),
                            (r"(link-netns|link-netnsid|group|state) \S+", ""), (r"<\S+>", ""),
                            (r"qdisc.*qlen \d+", ""), (r" pref medium| linkdown", "")):
            text = re.sub(word, plain, text, flags=re.M)
        text = re.sub(r"link/ether (\S+)", lambda found: found[1] if found[1] in macs else "", text)
        texts += (" ".join(line.split()) for line in text.splitlines())
    return set(texts) - {""}


V4 = {"HOST_ADDRESS": "10.1.0.1", "LOCAL_ADDRESS": "10.1.0.2"}
V6 = {"HOST_ADDRESS6": "fd01::1", "LOCAL_ADDRESS6": "fd01::2"}
MAC, OTHER_MAC = "02:00:00:00:00:07", "02:00:00:00:00:08"
# Values of each variable, the first three in the place of each other.
VALUES = {
    "HOST_ADDRESS": ["10.1.0.1", "10.1.0.9", "10.1.0.1/24"],
    "LOCAL_ADDRESS": ["10.1.0.2", "10.1.0.3/24", "10.1.0.4/24"],
    "HOST_ADDRESS6": ["fd01::1", "fd01::9/64", "fd01::1/64"],
    "LOCAL_ADDRESS6": ["fd01::2", "fd01::2/64", "fd02::2/64"],
    "LOCAL_GATEWAY": ["10.1.0.254", "10.2.0.254", "10.1.0.1"],
    "LOCAL_GATEWAY6": ["fd01::fe", "fe80::1", "fd09::1"],
    "LOCAL_MAC_ADDRESS": [MAC, OTHER_MAC],
    "MTU": ["1400", "9000"],
    "HOST_BRIDGE": ["br0", "br1"],
}


KINDS = ["pair", "bridge", "extra pair", "extra pair in a bridge"]
CHANGES = {"added": (None, 0), "changed": (0, 1), "changed to the last": (1, -1), "removed": (0, None)}
# Both families at once, one alone, and none.
FAMILIES = [{**V4, **V6}, V4, V6, {}, {**V4, "MTU": "1000"}]


def as_extra_pair(variables):
    return {"EXTRA_VETHS": ",".join(["lan0:eth1", *(f"{name}={value}" for name, value in variables.items())])}


def case(kind, name, change):
    """The variables of the start and of the reload: one is added, changed or removed beside the addresses that a
    container usually has. None where that is nothing that a reload can do."""
    extra, bridge = kind.startswith("extra"), "bridge" in kind
    if name.startswith("LOCAL_GATEWAY") and extra or name == "HOST_BRIDGE" and not bridge:
        return None
    if change == "removed" and name == "LOCAL_MAC_ADDRESS" or name == "HOST_BRIDGE" and not extra and None in CHANGES[change]:
        return None
    others = {**V4, **V6, **({"HOST_BRIDGE": "br0"} if bridge else {})}
    others.pop(name, None)
    sides = [others if index is None else {**others, name: VALUES[name][index]} for index in CHANGES[change]]
    return [as_extra_pair(side) if extra else side for side in sides]


def cases(user_namespace):
    rows = covering([KINDS, VALUES, CHANGES, [False, True]], strength=2)
    found = [case(kind, name, change) for kind, name, change, users in rows if users == user_namespace]
    plain = {"LOCAL_MAC_ADDRESS": MAC}
    families = [({**plain, **before}, {**plain, **after}) for before, after in itertools.permutations(FAMILIES, 2)]
    return [pair for pair in found if pair] + families[user_namespace::1 if CASES == "all" else 4]


USERS = pytest.mark.parametrize("user_namespace", [False, True], ids=["same-users", "private-users"])


@USERS
def test_a_reload_leads_to_the_state_of_a_fresh_start(starter, user_namespace):
    """On both ends, for every change of every variable."""
    host = starter.network.host
    for name in BRIDGES:
        starter.network.add_bridge(name)
    container = UserNamespace(host) if user_namespace else starter.network.container
    with contextlib.ExitStack() as undone:
        if user_namespace:
            undone.callback(container.close)
        running = Running(starter, container)
        undone.callback(running.close)

        def state_after(act):
            links = act()
            found = state(host, ()), state(container, (MAC, OTHER_MAC))
            host.ip(*(f"link delete {link}" for link in links))
            return found

        def reloaded(before, after):
            links = running.start(before)
            running.reloads(after)
            running.reloads(after)  # changes nothing
            return links

        wrong = []
        for before, after in cases(user_namespace):
            expected = state_after(lambda: running.configure(after))
            found = state_after(lambda: reloaded(before, after))
            if found != expected:
                wrong.append(f"{before} -> {after}: {difference(found, expected)}")
        assert not wrong, "\n".join(wrong)


def difference(found, expected):
    return [(one - other, other - one) for one, other in zip(found, expected)]


def test_what_stays_is_not_touched(starter, running):
    """A ping every 10 ms and a connection, while other addresses come and go, and the MTU and a route change."""
    host = running.host
    before = {**V4, "EXTRA_VETHS": "lan0:eth1"}
    running.start(before)
    echo = ("import socket; s = socket.create_server(('10.1.0.2', 7)); print(flush=True); c, _ = s.accept()\n"
            "while (data := c.recv(99)): c.sendall(data)")
    server = subprocess.Popen([*running.container.enter, sys.executable, "-c", echo], stdout=subprocess.PIPE)
    server.stdout.readline()
    client = subprocess.Popen([*host.enter, sys.executable, "-c",
                               "import socket, sys; s = socket.create_connection(('10.1.0.2', 7))\n"
                               "for line in sys.stdin: s.sendall(line.encode()); print(s.recv(99).decode(), end='', flush=True)"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answers(word):
        client.stdin.write(f"{word}\n")
        client.stdin.flush()
        return client.stdout.readline() == f"{word}\n"

    assert answers("before")
    ping = subprocess.Popen([*host.enter, "ping", "-i", "0.01", "10.1.0.2"], stdout=subprocess.PIPE, text=True)
    ping.stdout.readline()
    for after in ({**before, **V6}, {**before, **V6, "LOCAL_GATEWAY": "10.1.0.77", "MTU": "1400"},
                  {**V4, "EXTRA_VETHS": "lan0:eth1,HOST_ADDRESS=10.9.0.1,LOCAL_ADDRESS=10.9.0.2"}, before):
        running.reloads(after)
        assert answers("again")
    ping.send_signal(signal.SIGINT)
    summary = ping.communicate(timeout=LONG)[0]
    client.stdin.close()
    client.wait(timeout=LONG)
    server.wait(timeout=LONG)
    assert " 0% packet loss" in summary


def test_a_new_mac_address_is_found_at_once(running):
    """The host has learnt the one of before."""
    running.start({**V4, **V6, "LOCAL_MAC_ADDRESS": MAC})
    for address in ("10.1.0.2", "fd01::2"):
        wait_until(lambda: running.host.run(["ping", "-c1", "-W1", address]).returncode == 0)
    running.reloads({**V4, **V6, "LOCAL_MAC_ADDRESS": OTHER_MAC})
    for address in ("10.1.0.2", "fd01::2"):
        assert running.host.run(["ping", "-c1", "-W1", address]).returncode == 0


WAITS = "reload: the next start applies what has changed in "


@pytest.mark.parametrize("variables,waiting", [
    ({**V4, "CAPABILITIES": "CAP_SYS_TIME", "TMPFS": "/a", "RELOAD_COMMAND": ""}, "CAPABILITIES, TMPFS"),
    ({**V4, "HOST_BRIDGE": "br0"}, "HOST_BRIDGE"),
    ({}, "HOST_ADDRESS, LOCAL_ADDRESS"),
    ({**V4, "EXTRA_VETHS": "lan0"}, "EXTRA_VETHS"),
    ({**V4, "MTU": "1400"}, ""),
])
def test_what_waits_for_the_next_start_is_named(running, variables, waiting):
    running.host.ip("link add br0 type bridge")
    running.start(V4)
    before = running.container.state(), running.host.state()
    done = running.reload(variables)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (f"{WAITS}{waiting}\n" if waiting else "")
    if waiting:
        assert (running.container.state(), running.host.state()) == before


def test_a_mac_address_of_systemd_nspawn_waits(running):
    running.start({**V4, "LOCAL_MAC_ADDRESS": MAC})
    for _ in range(2):  # still the next time
        done = running.reload({**V4, "MTU": "1400"})
        assert (done.returncode, done.stderr) == (0, f"{WAITS}LOCAL_MAC_ADDRESS\n")
    link = running.container.link("eth0")
    assert (link["address"], link["mtu"]) == (MAC, 1400)


def test_dry_run_prints_what_a_shell_does(running):
    running.start({**V4, "MTU": "1400"})
    wanted = {**V4, "LOCAL_ADDRESS": "10.1.0.3", "LOCAL_GATEWAY": "10.1.0.9"}
    before = running.container.state(), running.host.state()
    printed = running.reload(wanted, "--dry-run")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert (running.container.state(), running.host.state()) == before
    pasted = running.host.run(["sh", "-ec", printed.stdout])
    assert (pasted.returncode, pasted.stderr) == (0, "")
    by_shell = running.container.state(), running.host.state()
    assert by_shell != before
    running.reloads(wanted)
    assert (running.container.state(), running.host.state()) == by_shell


def test_faults_change_nothing(running, starter):
    """Also those that only start finds."""
    running.start(V4)
    before = running.container.state(), running.host.state(), running.record.read_text()
    for variables, status, lines in (
            ({**V4, "LOCAL_ADDRESS": "10.1.0", "RELOAD_COMMAND": "x"}, 78,
             ["reload: LOCAL_ADDRESS=", "reload: RELOAD_COMMAND="]),
            ({**V4, "MTU": "1400", "STAGE2": "/nothing"}, 78, ["start: "]),
            ({**V4, "EXTRA_VETHS": "", "MTU": "1400", "root": "/"}, 78, ["start: root="])):
        done = running.reload(variables)
        assert (done.returncode, done.stdout) == (status, "")
        assert len(done.stderr.splitlines()) == len(lines)
        assert all(line.startswith(start) for line, start in zip(done.stderr.splitlines(), lines)), done.stderr
        assert (running.container.state(), running.host.state(), running.record.read_text()) == before


@pytest.mark.parametrize("end", ["host", "container"])
def test_a_failure_half_way_can_be_repeated(running, end):
    """The way to the new address leads elsewhere, on one end."""
    running.start(V4)
    wanted = {**V4, **V6, "LOCAL_ADDRESS": "10.1.0.3", "HOST_ADDRESS": "10.1.0.9"}
    namespace, address = (running.host, "10.1.0.3") if end == "host" else (running.container, "10.1.0.9")
    namespace.ip("link add other type veth peer name peer", "link set other up", f"route add {address} dev other")
    done = running.reload(wanted)
    assert done.returncode == 71
    first, second = done.stderr.splitlines()
    assert f"{address} already leads to other" in first
    assert second == ("reload: on the host the other changes are made, in the container there is none yet; "
                      "another reload completes it" if end == "host" else
                      "reload: on the host the changes are made, in the container all but this one; another "
                      "reload completes it")
    namespace.ip("link delete other")
    running.reloads(wanted)
    found = running.container.state()[2], running.host.state()[2]
    assert found == ({("10.1.0.9", None, "eth0"), ("default", "10.1.0.9", "eth0"), ("fd01::1", None, "eth0"),
                      ("default", "fd01::1", "eth0")},
                     {("10.1.0.3", None, "ve-web"), ("fd01::2", None, "ve-web")})
    assert running.host.addresses("ve-web") == {"10.1.0.9/32", "fd01::1/128"}
    running.reloads(V4)
    assert running.host.addresses("ve-web") == {"10.1.0.1/32"}


@pytest.mark.parametrize("kind", ["missing", "dummy"])
def test_a_link_that_the_container_has_taken_away(running, kind):
    running.start(V4)
    running.container.ip("link set eth0 down", "link set eth0 name mine",
                         *(["link add eth0 type bridge"] if kind == "dummy" else []))
    before = running.host.state()
    done = running.reload({**V4, "MTU": "1400"})
    assert (done.returncode, done.stderr) == (
        (71, "reload: no link eth0 in the container\n") if kind == "missing" else
        (78, "reload: link eth0 is of kind bridge, not a veth, and so not an end of a pair\n"))
    assert running.host.state() == before


def test_an_address_of_the_host_is_not_the_container_s(running):
    running.start(V4)
    running.host.ip("link add br7 type bridge", "address add 10.1.0.77/24 dev br7")
    before = running.host.state()
    done = running.reload({**V4, "LOCAL_ADDRESS": "10.1.0.77"})
    assert (done.returncode, done.stderr) == (
        78, "start: LOCAL_ADDRESS: 10.1.0.77 is an address of this host, by link br7; wanted: one that nobody else has\n")
    assert running.host.state() == before
    running.host.ip("link delete br7")
    running.reloads({"HOST_ADDRESS": "10.1.0.2", "LOCAL_ADDRESS": "10.1.0.1"})  # the ends change places


def test_what_is_healed_is_the_network_of_now(running, starter):
    running.start(V4)
    running.reloads({**V4, "HOST_ADDRESS": "10.1.0.9"})
    running.host.ip("address flush dev ve-web")
    done = starter.run_command([starter.build / "post-start", "--all"])
    assert (done.returncode, done.stderr) == (0, "")
    assert running.host.addresses("ve-web") == {"10.1.0.9/32"}


@pytest.mark.parametrize("record", ["none", "ended", "other", "torn"])
def test_container_that_does_not_run(running, record):
    """Another process may have the number of its systemd-nspawn."""
    running.configure(V4)
    pid, time = running.process.split()
    process = {"ended": f"99999999 {time}", "other": f"{pid} {int(time) - 1}", "torn": pid, "none": ""}[record]
    running.started_with(V4, process)
    if record == "none":
        running.record.unlink()
    before = running.host.state()
    done = running.reload({**V4, "MTU": "1400", "RELOAD_COMMAND": RELOAD_COMMAND})
    assert (done.returncode, done.stdout, running.call) == (71, "", None)
    assert done.stderr == ("reload: container web does not run, or was started before an upgrade, and can be "
                           "reloaded after its next start\n")
    assert running.host.state() == before


def unit_status(starter, running, variables):
    """What reload sends to the service manager, and in whose name."""
    path = starter.run_directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        manager.settimeout(LONG)
        recorded = running.record.read_text()
        running.record.write_text(recorded.replace("\0\0", "\0NOTIFY_SOCKET=/run/notify\0\0", 1))
        assert running.reload(variables).returncode == 0
        text, (credentials,), *_ = manager.recvmsg(4096, 4096)
        assert struct.unpack("iii", credentials[2])[0] == int(running.process.split()[0])
        return text.decode()


def test_status_of_the_unit(running, starter, skip_without):
    """The network of now, and what waits; a user cannot speak in the name of another process."""
    skip_without("root")
    running.start(V4)
    text = unit_status(starter, running, {**V4, "HOST_ADDRESS": "10.1.0.9", "TMPFS": "/a"})
    assert text == "STATUS=next start: TMPFS; ve-web 10.1.0.9 - eth0 10.1.0.2"


# The container's system


def test_command_and_status(running):
    done = running.reload({"RELOAD_COMMAND": RELOAD_COMMAND})
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")
    options, command = running.call[:-4], running.call[-4:]
    assert {"--machine=web", "--pipe", "--wait", "--quiet", "--collect", "--setenv=HOME=/root"} < set(options)
    assert command == ["--", "/bin/echo", "a b", "$$HOME"]  # the service manager would expand it


def test_dry_run_prints_the_command(running):
    done = running.reload({"RELOAD_COMMAND": RELOAD_COMMAND}, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert running.call is None
    assert done.stdout.startswith("systemd-run --machine=web --unit=container-reload ")
    assert done.stdout.endswith(" -- /bin/echo 'a b' '$$HOME'\n")


@pytest.mark.parametrize("answer", ["exit 1", "echo offline; exit 1", "exec sleep infinity"])
def test_service_manager_that_does_not_answer(running, answer):
    running.answer(answer)
    done = running.reload({"RELOAD_COMMAND": RELOAD_COMMAND})
    assert (done.returncode, done.stdout, running.call, done.stderr) == (69, "", None, NO_BUS)


def test_machine_of_somebody_else(running):
    """It is registered under the name of the container, which is not registered."""
    running.be_known(os.getpid())
    done = running.reload({"RELOAD_COMMAND": RELOAD_COMMAND})
    assert (done.returncode, done.stdout, running.call) == (69, "", None)
    assert done.stderr == ("reload: machine web of systemd-machined is not container web: see machinectl status "
                           "web\n")


# Init of systemd-nspawn, which has the program as its PID 2.
PROGRAM = """
import os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGHUP, lambda *_: print("HUP", flush=True))
    print("ready", flush=True)
    while True: signal.pause()
os.wait()
"""


@pytest.fixture
def program(starter):
    made = Running(starter, starter.network.container, [sys.executable, "-c", PROGRAM])
    yield made
    made.close()


def test_signal_for_the_program(program):
    variables = {"COMMAND": "/sbin/init", "RELOAD_SIGNAL": "SIGHUP"}
    printed = program.reload(variables, "--dry-run")
    (pid,) = children_of(program.leader)
    assert printed.stdout == f"# at the next start: COMMAND\nkill -1 {pid}\n"
    done = program.reload(variables)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{WAITS}COMMAND\n"
    assert program.output.readline() == "HUP\n"


def test_program_that_has_ended(running):
    done = running.reload({"COMMAND": "/sbin/init", "RELOAD_SIGNAL": "SIGHUP"})
    assert done.returncode == 71
    assert done.stderr == f"{WAITS}COMMAND\nreload: the program of container web does not run, or not yet\n"
