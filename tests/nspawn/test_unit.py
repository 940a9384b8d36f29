# SPDX-License-Identifier: MIT
"""The unit as it is installed, on a systemd host: from the first start to a reload."""

import contextlib
import json
import pathlib
import platform
import random
import shlex
import shutil
import signal
import subprocess
import time

import pytest

import debian
import manual
import namespace
from container import library_binds, wait_until
from covering import CASES

REGISTERED = "/run/systemd/machines"
NIXOS_DROP_IN = "/etc/systemd/system/container@web.service.d/nixos.conf"
PAGES = pathlib.Path(__file__).parents[2] / "man"  # written for the paths that are installed here
ADDRESSES = "HOST_ADDRESS=10.1.0.1\nLOCAL_ADDRESS=10.1.0.2\n"
# A root that holds nothing but these links and stage 2 is Debian's, as far as programs go.
USR = "--bind-ro=/usr"
POWER_OFF = signal.SIGRTMIN + 4
NO_LEAK_CHECK = " ".join(f"{name}={value}" for name, value in namespace.NO_LEAK_CHECK.items())
LOCALE = "export LC_ALL=C; "


@pytest.fixture(scope="module")
def host(tmp_path_factory, debian_root, build):
    destination = tmp_path_factory.mktemp("installed")
    repository = pathlib.Path(__file__).parents[2]
    sanitize = ["SANITIZE=1"] if build.name == "sanitize" else []
    subprocess.run(["make", "-C", repository, "install", f"DESTDIR={destination}",
                    "PREFIX=/usr/local", *sanitize], check=True, capture_output=True)
    with debian.booted(debian_root, build / "start", [
            f"--bind-ro={destination}/usr/local:/usr/local",
            f"--bind-ro={build}/tests:/opt/tests",
            f"--bind-ro={shutil.which('busybox')}:/opt/busybox"]) as booted:
        yield booted


class Containers:
    """Containers by their configuration, on the host."""

    def __init__(self, host, libraries):
        self.host = host
        self.libraries = libraries
        self._names = []

    def configure(self, name, text, flags=()):
        self._names.append(name)
        extra = " ".join([*flags, *self.libraries])
        root = f"/var/lib/containers/{name}"
        self.host.output_of(
            f"mkdir -p /etc/containers {root}/usr\n"
            f"for link in bin sbin lib lib64; do ln -sfn usr/$link {root}/$link; done\n"
            f"cp /opt/tests/stage2 {root}/stage2\n"
            f"cat >/etc/containers/{name}.conf <<'END'\n{NO_LEAK_CHECK}\nSTAGE2=/stage2\n"
            f"EXTRA_NSPAWN_FLAGS={extra}\n{text}\nEND\n")

    def configure_program(self, command, text="", name="web"):
        """A container of one program, which is /busybox, beside what start makes in the root. It is not
        written a second time, when it may be about to be executed."""
        self._names.append(name)
        root = f"/var/lib/containers/{name}"
        self.host.output_of(
            f"mkdir -p /etc/containers {root}\n[ -e {root}/busybox ] || cp /opt/busybox {root}/busybox\n"
            f"cat >/etc/containers/{name}.conf <<'END'\n{NO_LEAK_CHECK}\n"
            f"EXTRA_NSPAWN_FLAGS={' '.join(self.libraries)}\n"
            f"COMMAND={shlex.quote(shlex.join(command))}\n{text}\nEND\n")

    def exports(self, name="web"):
        """The lines of a shell that give a program the variables that the unit gives it."""
        lines = [f"INSTANCE={name}", f"root=/var/lib/containers/{name}", "PRIVATE_NETWORK=1", "PRIVATE_USERS=pick",
                 *self.host.output_of(f"cat /etc/containers/{name}.conf").splitlines()]
        pairs = [line.partition("=")[::2] for line in lines if line]
        return "".join(f"export {variable}={value if value.startswith(chr(39)) else shlex.quote(value)}\n"
                       for variable, value in pairs)

    def systemctl(self, verb, name="web"):
        return self.host.run(f"{LOCALE}systemctl {verb} container@{name}")

    def start(self, name="web", verb="start"):
        done = self.systemctl(verb, name)
        assert done.returncode == 0, self.journal(name)

    def property(self, name, container="web"):
        return self.host.output_of(
            f"systemctl show --property={name} --value container@{container}").strip()

    def journal(self, name="web"):
        self.host.output_of("journalctl --sync")  # the last lines may be on their way
        return self.host.output_of(f"journalctl --no-pager --output=cat --unit container@{name}")

    def leader(self, name="web"):
        return self.host.output_of(f"machinectl show --property=Leader --value {name}").strip()

    def remove(self):
        for name in self._names:
            self.systemctl("stop", name)
            wait_until(lambda: not self.host.succeeds(f"test -e {REGISTERED}/{name}"))
            self.host.run(f"rm -rf /etc/containers/{name}.conf /var/lib/containers/{name}")
        self.host.run("systemctl reset-failed; journalctl --rotate --vacuum-time=1us")


@pytest.fixture
def containers(host, build, debian_root):
    made = Containers(host, library_binds(build / "container-init", pathlib.Path("/nonexistent"))
                      if library_binds(build / "container-init", debian_root) else [])
    yield made
    made.remove()


def test_unit_is_sound(host):
    found = host.run("systemd-analyze verify container@web.service").stderr.splitlines()
    assert [line for line in found if "'man " not in line] == []  # no manual is installed there


def test_start_restart_and_stop(containers):
    containers.configure("web", ADDRESSES)
    host = containers.host
    containers.start()
    for _ in range(2):
        assert host.succeeds(f"test -e {REGISTERED}/web")
        assert host.running("/usr/bin/systemd-nspawn") != []
        assert host.output_of("ip route show 10.1.0.2").startswith("10.1.0.2 dev ve-web")
        wait_until(lambda: "LOWER_UP" in host.output_of("ip link show dev ve-web"))
        containers.start(verb="restart")
    assert containers.systemctl("stop").returncode == 0
    assert containers.property("Result") == "success"
    assert not host.succeeds("ip link show dev ve-web")
    wait_until(lambda: host.running("/usr/local/libexec/container-init") == [])  # also for the links


def test_address_of_another_container(containers):
    containers.configure("db", ADDRESSES)
    containers.configure("web", ADDRESSES)
    containers.start("db")
    assert containers.systemctl("start").returncode != 0
    assert ("start: cannot add route 10.1.0.2 dev ve-web: File exists: 10.1.0.2 already leads to "
            "ve-db\n") in containers.journal()
    assert containers.property("ActiveState", "db") == "active"


def test_faulty_configuration_is_tried_once(containers):
    containers.configure("web", "LOCAL_ADDRESS=10.1.0.256\nHOST_PORT=http\nRELOAD_COMMAND=true")
    assert containers.systemctl("start").returncode != 0
    assert containers.property("ExecMainStatus") == "78"
    assert containers.property("NRestarts") == "0"
    assert containers.property("ActiveState") == "failed"
    journal = containers.journal()
    for variable in ("LOCAL_ADDRESS", "HOST_PORT", "RELOAD_COMMAND"):
        assert journal.count(f"pre-start: {variable}=") == 1


def test_container_without_a_configuration(containers):
    assert containers.systemctl("start", "none").returncode != 0
    assert not containers.host.succeeds("test -e /var/lib/containers/none")


def test_configuration_of_nixos(containers):
    containers.configure("web", ADDRESSES)
    with contextlib.ExitStack() as undone:
        containers.host.output_of("mkdir /etc/nixos-containers && "
                                  "mv /etc/containers/web.conf /etc/nixos-containers")
        undone.callback(containers.host.run, "rm -r /etc/nixos-containers")
        assert containers.systemctl("start").returncode != 0  # the file, with STAGE2, is not read
        for path, text in manual.files(PAGES / "container@.service.8", NIXOS_DROP_IN).items():
            containers.host.output_of(f"mkdir -p {pathlib.Path(path).parent} && cat >{path} <<'END'\n{text}END\n"
                                      "systemctl daemon-reload")
            undone.callback(containers.host.run, f"rm {path}; systemctl daemon-reload")
        containers.start()
        assert containers.host.succeeds("ip link show dev ve-web")
        assert first_user(containers) == 0  # NixOS's default, not the unit's


def test_misspelt_variables_leave_no_host_network(containers):
    """BRIDGE and ADDRESS are not so close to names of ours that they must be meant."""
    containers.configure_program(["/busybox", "sleep", "60"], "ADDRESS=10.0.0.2\nBRIDGE=br0")
    containers.start()
    leader = containers.leader()
    assert containers.host.output_of(f"readlink /proc/{leader}/ns/net") != containers.host.output_of(
        "readlink /proc/1/ns/net")
    assert containers.host.output_of(f"tail -n +3 /proc/{leader}/net/dev").split()[0] == "lo:"


def test_line_that_systemd_ignores(containers):
    """It says so itself, in the journal of the host's PID 1 with the name of the unit."""
    containers.configure("web", f"export A=b\n{ADDRESSES}")
    containers.start()
    assert ("Ignoring invalid environment assignment 'export A=b': /etc/containers/web.conf"
            in containers.journal())


def test_files_beyond_64_kib(containers):
    containers.configure("web", "".join(f"# {number:70}\n" for number in range(1200)) + ADDRESSES)
    containers.start()
    assert containers.host.succeeds("ip link show dev ve-web")


def first_user(containers):
    """Who root of the container is on the host."""
    return int(containers.host.output_of(f"cat /proc/{containers.leader()}/uid_map").split()[1])


def owners(containers):
    """Of all files of the root but the one that systemd-nspawn leaves to root of the host."""
    listed = containers.host.output_of("find /var/lib/containers/web ! -path '*/etc/localtime' "
                                       "-printf '%U %G\\n'")
    return {tuple(map(int, line.split())) for line in listed.splitlines()}


@pytest.mark.release  # the libraries of one with sanitizers are in the root, and root's of the host
def test_root_of_the_container_is_not_root_of_the_host(containers):
    """The unit's default. This file system has no idmapped mounts: the files get the users, and what
    is added to them later does."""
    containers.configure("web", ADDRESSES)
    containers.start()
    user = first_user(containers)
    assert user >= 0x10000
    assert owners(containers) == {(user, user)}
    containers.host.output_of("rm /var/lib/containers/web/etc/machine-id")
    containers.start(verb="restart")
    assert first_user(containers) == user
    assert owners(containers) == {(user, user)}


@pytest.mark.release
def test_root_of_the_container_is_a_user_with_a_number(containers):
    """Here, too, the files get the users; the rest of what is tested for pick does not depend on it."""
    containers.configure("web", f"{ADDRESSES}PRIVATE_USERS=2031616")
    containers.start()
    assert first_user(containers) == 2031616
    assert owners(containers) == {(2031616, 2031616)}


def test_root_of_the_container_is_root_again(containers):
    """With the command that a warning says."""
    containers.configure("web", ADDRESSES)
    containers.start()
    user = first_user(containers)
    containers.configure("web", f"{ADDRESSES}PRIVATE_USERS=no")
    containers.start(verb="restart")
    assert first_user(containers) == 0
    warning = (f"it belongs to user {user} of a user namespace, and the container has none now; to give "
               "it to root: ")
    (command,) = [line.partition(warning)[2] for line in containers.journal().splitlines()
                  if warning in line]
    assert command.endswith(" /bin/true")
    assert containers.systemctl("stop").returncode == 0
    containers.host.output_of(command.replace(" /bin/true", f" {USR} /bin/true"))
    assert owners(containers) == {(0, 0)}
    containers.start()
    assert containers.journal().count(warning) == 1


def test_network_namespace_without_users_of_its_own(containers):
    containers.configure("web", "NETWORK_NAMESPACE_PATH=/proc/1/ns/net")
    assert containers.systemctl("start").returncode != 0
    assert containers.property("ExecMainStatus") == "78"
    assert ('NETWORK_NAMESPACE_PATH is set, and PRIVATE_USERS is "pick", the default of '
            "container@.service; wanted: PRIVATE_USERS=no") in containers.property("StatusText")
    containers.configure("web", "NETWORK_NAMESPACE_PATH=/proc/1/ns/net\nPRIVATE_USERS=no")
    containers.start()


def fields(text):
    return dict(line.split(":\t") for line in text.splitlines())


USERS = pytest.mark.parametrize("users", ["no", "pick"])
NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"]
# What a process may do, from its /proc/PID/status: the lines that begin so.
RIGHTS = ["Cap", "Cpus_allowed_list", "Gid", "Groups", "Mems_allowed_list", "NoNewPrivs", "Seccomp",
          "Speculation", "Uid"]


def rights_script(process):
    """Prints, in the container, what one of its processes is and may do."""
    return (f"(cd /proc/{process} && grep -E '^({'|'.join(RIGHTS)})' status; cat cgroup; "
            f"for name in {' '.join(NAMESPACES)}; do readlink ns/$name; done; "
            "cat attr/current 2>&1; readlink root)")


def processes(host, command):
    """Those that run this command with its arguments."""
    found = host.output_of("cd /proc && for process in [0-9]*; do echo \"$process "
                           "$(tr '\\0' ' ' <$process/cmdline)\"; done 2>/dev/null")
    return [line.split()[0] for line in found.splitlines() if line.split()[1:] == command.split()]


def shell(script):
    return f"RELOAD_COMMAND={shlex.quote(shlex.join(['/bin/sh', '-c', script]))}"


def system(containers, text="", flags=()):
    """A container that boots the host's Debian as far as its system bus."""
    containers.configure("web", f"STAGE2=/sbin/init\n{text}", [USR, *flags])
    containers.host.output_of(
        "cd /var/lib/containers/web && cp -a /etc . && : >etc/machine-id && "
        "ln -sfn /lib/systemd/system/basic.target etc/systemd/system/default.target")


RELOAD = "/usr/local/libexec/container-init/reload"


def run_reload(containers, *command, variables=""):
    words = shlex.quote(shlex.join(command))
    return containers.host.run(f"{containers.exports()}export RELOAD_COMMAND={words} {variables}\n"
                               f"{LOCALE}exec {RELOAD}")


def script(text):
    return ("/bin/sh", "-c", text)


@USERS
def test_reload_may_do_what_a_service_of_the_container_may(containers, users):
    """The command, once as the unit runs it and once by hand, beside PID 1 of the container."""
    files = "for file in 0 1 2; do readlink /proc/self/fd/$file; done | cut -d: -f1; ls /proc/self/fd | wc -l"
    text = f"{rights_script('self')} >/self; {rights_script(1)} >/init; {{ {files}; }} >/files"
    system(containers, f"{ADDRESSES}PRIVATE_USERS={users}\n{shell(text)}")
    host = containers.host
    containers.start()

    def check():
        own, init = ([line for line in host.output_of(f"cat /var/lib/containers/web/{name}").splitlines()
                      if not line.startswith(("0::", "CapInh:"))] for name in ("self", "init"))
        assert own == init
        assert "Seccomp:\t2" in own
        assert len(own) > len(RIGHTS) + len(NAMESPACES) + 4
        assert ("/system.slice/container-reload-"
                in host.output_of("grep 0:: /var/lib/containers/web/self"))
        assert host.output_of("cat /var/lib/containers/web/files").split() == ["pipe"] * 3 + ["4"]
        host.output_of("rm /var/lib/containers/web/self")

    assert containers.systemctl("reload").returncode == 0, containers.journal()
    check()
    done = run_reload(containers, *script(text))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    check()


@pytest.fixture
def booted_system(containers):
    system(containers, ADDRESSES)
    containers.start()
    return containers


def test_command_of_reload(booted_system):
    """Its words and its environment reach it, and its output and status come back."""
    done = run_reload(booted_system, *script("echo out; echo err >&2; exit 133"))
    assert (done.returncode, done.stdout, done.stderr) == (133, "out\n", "err\n")
    words = ["a b", "", "$HOME", "${HOME}", "$$", "%n", "'", "\\", "\n"]
    done = run_reload(booted_system, "/usr/bin/printf", "%s|", *words)
    assert done.stdout == "".join(f"{word}|" for word in words)
    found = run_reload(booted_system, "/usr/bin/env").stdout.splitlines()
    assert {"HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh",
            "PATH=/run/wrappers/bin:/run/current-system/sw/bin:"
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"} <= set(found)
    assert not any(line.startswith(("INSTANCE=", "RELOAD_COMMAND=")) for line in found)
    done = run_reload(booted_system, "/nothing")
    assert (done.returncode, done.stdout) == (203, "")
    assert done.stderr == "reload: container web cannot execute /nothing: see journalctl --machine=web\n"


def test_output_of_reload_comes_as_it_is_written(booted_system):
    text = "echo one; until [ -e /mark ]; do sleep 0.01; done; echo two"
    done = booted_system.host.run(
        f"{booted_system.exports()}export {shell(text)}; rm -f /var/lib/containers/web/mark\n"
        f"{RELOAD} | {{ read -r line; echo \"first $line\"; touch /var/lib/containers/web/mark; cat; }}")
    assert done.stdout == "first one\ntwo\n"


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_reload_with_closed_standard_streams(booted_system, closed):
    host = booted_system.host
    text = "cat && echo out && echo err >&2 && echo done >/mark"
    done = host.run(f"{booted_system.exports()}export {shell(text)}; rm -f /var/lib/containers/web/mark\n"
                    f"exec {RELOAD} {closed}")
    assert done.returncode == 0
    assert host.output_of("cat /var/lib/containers/web/mark") == "done\n"
    assert done.stdout == ("" if "1>&-" in closed else "out\n")
    assert done.stderr == ("" if "2>&-" in closed else "err\n")


# What keeps the pipes when the command has ended: one writes without end, one takes what was written.
HOLDERS = {"writer": "while :; do echo more; done",
           "reader": "cat /proc/$$/fd/1 >/dev/null 2>&1 & cat /proc/$$/fd/2 >/dev/null 2>&1 & wait",
           "nobody": "exec sleep 1234"}


@pytest.mark.parametrize("holder", HOLDERS)
def test_reload_ends_with_its_command(containers, holder):
    """Twenty times, as one hung in one of three runs. To open a pipe anew it takes its owner, root of the host."""
    system(containers, f"{ADDRESSES}PRIVATE_USERS=no")
    containers.start()
    for number in range(20):
        scope = f"holder-{number}.scope"
        keep = f"systemd-run --quiet --scope --unit={scope} /bin/sh -c {shlex.quote(HOLDERS[holder])}"
        text = f"{keep} & until systemctl is-active --quiet {scope}; do :; done; echo out; echo err >&2"
        assert run_reload(containers, *script(text)).returncode == 0
        containers.host.run(f"systemctl --machine=web kill --signal=KILL {scope}")  # may have ended


@pytest.mark.parametrize("interrupt,status", [("TERM", 143), ("KILL", 137)])
def test_interrupted_reload_stops_its_command(booted_system, interrupt, status):
    host = booted_system.host
    started = f"{booted_system.exports()}export RELOAD_COMMAND='/bin/sleep 1234'\n{RELOAD}"
    host.output_of(f"({started}; echo $? >/run/status) >/dev/null 2>&1 &")
    wait_until(lambda: processes(host, "/bin/sleep 1234"))
    reload = min(map(int, processes(host, RELOAD)))  # the other one is its child
    host.output_of(f"kill -{interrupt} {reload}")
    wait_until(lambda: not processes(host, "/bin/sleep 1234"))
    assert wait_until(lambda: host.run("cat /run/status").stdout) == f"{status}\n"
    host.output_of("rm /run/status")


def test_reload_that_takes_too_long(containers):
    host = containers.host
    system(containers, "RELOAD_COMMAND=/bin/sleep 1234")
    drop_in = "/run/systemd/system/container@web.service.d"
    with contextlib.ExitStack() as undone:
        undone.callback(host.run, f"rm -r {drop_in}; systemctl daemon-reload")
        containers.start()
        host.output_of(f"mkdir -p {drop_in} && printf '[Service]\\nTimeoutStartSec=2\\n' >{drop_in}/t.conf && "
                       "systemctl daemon-reload")
        assert containers.systemctl("reload").returncode != 0
        wait_until(lambda: not processes(host, "/bin/sleep 1234"))
        assert containers.property("ActiveState") == "active"


@pytest.mark.parametrize("status", [1, 75])
def test_reload_that_fails(containers, status):
    system(containers, shell(f"exit {status}"))
    containers.start()
    assert containers.systemctl("reload").returncode != 0
    assert f"status={status}" in containers.journal()
    assert containers.property("ActiveState") == "active"


def test_reload_of_nixos(containers):
    """With a store that is a mount of its own, and its system as SYSTEM_PATH."""
    host = containers.host
    system(containers, "SYSTEM_PATH=/nix/store/system", ["--bind-ro=/srv/store:/nix/store"])
    with contextlib.ExitStack() as undone:
        undone.callback(host.run, "rm -r /srv/store")
        host.output_of("mkdir -p /srv/store/system/bin && cd /srv/store/system/bin && "
                       "printf '#!/bin/sh\\necho \"switched: $*\"\\n' >switch-to-configuration && "
                       "chmod +x switch-to-configuration")
        containers.start()
        assert containers.systemctl("reload").returncode == 0, containers.journal()
        assert "switched: test\n" in containers.journal()


def test_reload_without_a_command(containers):
    containers.configure("web", ADDRESSES)
    containers.start()
    assert containers.systemctl("reload").returncode == 0, containers.journal()


NO_ANSWER = "reload: the service manager of container web does not answer: "


def test_reload_of_an_init_without_a_bus(containers):
    containers.configure("web", "RELOAD_COMMAND=/stage2 report")
    containers.start()
    done = run_reload(containers, "/stage2", "report")
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == (f"{NO_ANSWER}it must be systemd, with the system bus of D-Bus; systemctl restart "
                           "applies everything\n")


# What systemd-nspawn's filter of system calls keeps from a container, as perl(1) calls it: the number of
# add_key(2).
ADD_KEY = {"x86_64": 248, "aarch64": 217}[platform.machine()]
ADD_A_KEY = f"""
my ($type, $name, $key) = ("user", "name", "key");
my $serial = syscall({ADD_KEY}, $type, $name, $key, length($key), -3);
print $serial < 0 ? "refused: $!\\n" : "added\\n";
"""


@USERS
def test_reload_adds_no_keys(containers, users):
    system(containers, f"PRIVATE_USERS={users}")
    containers.start()
    done = run_reload(containers, "/usr/bin/perl", "-e", ADD_A_KEY)
    assert done.stdout in ("refused: Operation not permitted\n",
                           "refused: Function not implemented\n"), done.stderr


# Root of the container may mount; what it makes writable is the kernel's, for all.
CORE_PATTERN = ("mount -o remount,rw,bind /proc/sys; "
                ": >>/proc/sys/kernel/core_pattern && echo 'can change the kernel'")
DISK = "mknod /disk b 8 0 && head -c1 /disk >/dev/null && echo 'can read a disk'"


@pytest.mark.parametrize("users,can", [("pick", ""), ("no", "can change the kernel\n")])
def test_what_root_of_the_container_can_do_to_the_host(containers, users, can):
    """Without a user namespace the attack works, as the manual says."""
    system(containers, f"{ADDRESSES}PRIVATE_USERS={users}")
    containers.start()
    done = run_reload(containers, *script(f"{CORE_PATTERN}; {DISK}"))
    assert done.stdout == can, done.stderr


def test_setuid_program_in_the_root_is_out_of_reach(containers):
    """An unprivileged user of the host looks for one that root of the container has left."""
    containers.configure("web", "PRIVATE_USERS=no", [USR])
    containers.start()
    containers.host.output_of("cp /usr/bin/id /var/lib/containers/web/id && "
                              "chmod 4755 /var/lib/containers/web/id")
    attack = ("setpriv --reuid=65534 --regid=65534 --clear-groups "
              "sh -c '/var/lib/containers/web/id --user'")
    host = containers.host
    assert "Permission denied" in host.run(LOCALE + attack).stderr
    host.output_of("chmod 755 /var/lib/containers")
    assert host.output_of(attack) == "0\n"  # what keeps it out is the directory
    host.output_of("chmod 700 /var/lib/containers")


@pytest.mark.parametrize("program", [False, True], ids=["init", "program"])
def test_stop_at_any_moment(containers, program):
    """Of a start that may not be done yet. A stop that is lost lasts until TimeoutStopSec= is over."""
    if program:
        containers.configure_program(["/busybox", "sleep", "1234"], ADDRESSES)
    else:
        containers.configure("web", ADDRESSES)
    order = random.Random(1)
    for _ in range(15 if CASES == "all" else 5):
        moment = order.uniform(0, 0.2)
        containers.host.run("systemctl reset-failed container@web")  # any number of starts
        containers.host.output_of(f"systemctl start --no-block container@web; sleep {moment:.3f}")
        assert containers.systemctl("stop").returncode == 0
        assert containers.property("Result") != "timeout", f"at {moment:.3f} s: {containers.journal()}"
        assert containers.property("ActiveState") in ("inactive", "failed")


def test_reboot_and_power_off(containers):
    containers.configure("web", ADDRESSES)
    containers.start()
    first = containers.leader()
    containers.host.output_of(f"kill -{POWER_OFF + 1} {first}")
    wait_until(lambda: containers.property("NRestarts") == "1"
               and containers.property("ActiveState") == "active", pause=0.05)
    second = containers.leader()
    assert second != first
    assert containers.host.succeeds("ip link show dev ve-web")
    containers.host.output_of(f"kill -{POWER_OFF} {second}")
    wait_until(lambda: containers.property("ActiveState") == "inactive", pause=0.05)
    assert containers.property("Result") == "success"


# Without the network it ends at once: what it pings has to answer to the first packet.
SERVE = """\
/busybox ping -c1 -W{limit} 10.1.0.1 || exit 4
/busybox ping -c1 -W{limit} fd01::1 || exit 6
/busybox mkdir /srv && echo served >/srv/index.html
exec /busybox httpd -f -p 80 -h /srv""".format(limit=debian.LONG)
DUAL_STACK = f"{ADDRESSES}HOST_ADDRESS6=fd01::1\nLOCAL_ADDRESS6=fd01::2\n"


def seconds_to(function):
    begin = time.monotonic()
    function()
    return time.monotonic() - begin


@USERS
def test_program_that_serves(containers, users):
    """In a root that holds nothing else it has its network from its first moment on."""
    containers.configure_program(["/busybox", "sh", "-c", SERVE], f"PRIVATE_USERS={users}\n{DUAL_STACK}")
    host = containers.host
    containers.start()

    def fetched(address):
        return host.run(f"/opt/busybox wget -q -O - http://{address}/").stdout == "served\n"

    wait_until(lambda: fetched("10.1.0.2") or containers.property("ActiveState") != "active", pause=0.05)
    assert fetched("10.1.0.2") and fetched("[fd01::2]"), containers.journal()
    took = seconds_to(lambda: containers.systemctl("stop"))
    print(f"stopped in {took:.2f} s")
    assert took < 5  # systemd-nspawn's own init would wait 90 s for one that does not end
    assert (containers.property("ActiveState"), containers.property("Result"),
            containers.property("ExecMainStatus")) == ("inactive", "success", "0")


@pytest.mark.release  # a build with sanitizers needs libraries, which this root lacks
def test_program_of_the_manual(containers):
    """As container.conf(5) shows it."""
    example = manual.Example(PAGES / "container.conf.5", "cp /bin/busybox /var/lib/containers/web")
    host = containers.host
    containers.configure_program(["/busybox"])
    with contextlib.ExitStack() as undone:
        undone.callback(host.run, "rm /bin/busybox")
        host.output_of("cp /opt/busybox /bin/busybox; " + example.script())
        containers.start()
        wait_until(lambda: host.run("busybox wget -q -O - http://10.0.0.2/").stdout == "hello\n", pause=0.05)
        containers.systemctl("stop")


def messages(host):
    """Of the unit's journal, each with its priority."""
    host.output_of("journalctl --sync")
    lines = host.output_of("journalctl --no-pager --output=json --unit container@web").splitlines()
    return {(line["MESSAGE"], line["PRIORITY"], line["SYSLOG_IDENTIFIER"])
            for line in map(json.loads, lines)}


@pytest.mark.parametrize("script,status,state,result", [
    ("exit 0", "0", "inactive", "success"), ("exit 3", "3", "failed", "exit-code"),
    ("exit 78", "78", "failed", "exit-code"), ("kill -KILL $$", "255", "failed", "exit-code")])
def test_status_of_a_program(containers, script, status, state, result):
    """It is the unit's."""
    containers.configure_program(["/busybox", "sh", "-c", f"echo '<0>said'; {script}"])
    drop_in = "/run/systemd/system/container@web.service.d"
    containers.host.output_of(f"mkdir -p {drop_in} && printf '[Service]\\nRestart=no\\n' "
                              f">{drop_in}/once.conf && systemctl daemon-reload")
    with contextlib.ExitStack() as undone:
        undone.callback(containers.host.run, f"rm -r {drop_in}; systemctl daemon-reload")
        containers.systemctl("start")
        wait_until(lambda: containers.property("ActiveState") == state, pause=0.05)
        assert containers.property("ExecMainStatus") == status
        assert containers.property("Result") == result
        assert ("<0>said", "6", "container web") in messages(containers.host)


def test_program_that_fails_runs_again(containers):
    once = "/busybox mkdir /ran && exit 3; exec /busybox sleep 1234"
    containers.configure_program(["/busybox", "sh", "-c", once])
    containers.systemctl("start")
    wait_until(lambda: containers.property("NRestarts") == "1"
               and containers.property("ActiveState") == "active", pause=0.05)


def test_program_has_all_signals_and_no_zombies(containers):
    """No signal is blocked for it, and what it leaves behind is not its own to wait for."""
    leave = "(/busybox sleep 0.1 &); /busybox grep Sig /proc/self/status; exec /busybox sleep 1234"
    containers.configure_program(["/busybox", "sh", "-c", leave], ADDRESSES)
    host = containers.host
    containers.start()
    wait_until(lambda: "SigBlk:\t0000000000000000" in containers.journal(), pause=0.05)
    wait_until(lambda: host.running("/usr/local/libexec/container-init") == [])  # the waiter is done
    leader = containers.leader()
    wait_until(lambda: len(host.output_of(f"cat /proc/{leader}/task/{leader}/children").split()) == 1,
               pause=0.05)


def test_reload_of_a_program(containers):
    containers.configure_program(["/busybox", "sleep", "1234"])
    containers.start()
    assert containers.systemctl("reload").returncode == 0, containers.journal()
    done = run_reload(containers, "/busybox", "touch", "/here",
                      variables="COMMAND='/busybox sleep 1234'")
    assert (done.returncode, done.stderr) == (
        69, f"{NO_ANSWER}the container runs one program; RELOAD_SIGNAL sends that a signal\n")


@pytest.fixture
def machine(containers, request):
    """A machine "web" for machinectl(1), with the files that container-init(8) shows."""
    host = containers.host
    example = manual.Example(PAGES / "container-init.8", "/etc/systemd/nspawn/web.nspawn")
    request.addfinalizer(lambda: host.run(
        f"machinectl terminate web; rm -rf /var/lib/machines/web {' '.join(example.files)}; "
        "systemctl daemon-reload; systemctl reset-failed"))
    host.output_of("cd /var/lib/machines && mkdir -p web/sbin web/usr web/etc && touch web/etc/os-release && "
                   f"cp /opt/tests/stage2 web/sbin/init\n{example.script()}systemctl daemon-reload")
    libraries = [flag.replace("--bind-ro=", "BindReadOnly=") for flag in containers.libraries]
    host.output_of("cat >>/etc/systemd/nspawn/web.nspawn <<'END'\n" + "\n".join(libraries) + "\nEND\n")
    return "systemd-nspawn@web.service"


def test_machinectl_start(host, machine):
    """systemd's own unit: both ends are configured, also after it was killed, and it stops at once."""

    def state():
        return host.output_of(f"systemctl show --property=ActiveState --value {machine}").strip()

    def start_and_look():
        host.output_of(f"machinectl start web && /opt/busybox ping -c1 -W{debian.LONG} 10.0.0.2")
        leader = host.output_of("machinectl show --property=Leader --value web").strip()
        host.output_of(f"nsenter --net --target {leader} -- /opt/busybox ping -c1 10.0.0.1")
        wait_until(lambda: host.output_of(f"cat /proc/{leader}/comm") == "init\n")

    start_and_look()
    host.output_of(f"systemctl kill --kill-whom=main --signal=KILL {machine}")
    wait_until(lambda: state() == "failed")
    start_and_look()
    host.output_of(f"systemctl stop {machine}")
    assert state() == "inactive"
    assert not host.succeeds("ip link show dev ve-web")
