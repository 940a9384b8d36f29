# SPDX-License-Identifier: MIT
"""reload enters what stands for a container: a PID 1 in namespaces of its own."""

import fcntl
import os
import pathlib
import shlex
import shutil
import signal
import subprocess

import pytest

from container import LONG, children_of, status_field, wait_until
from namespace import NO_LEAK_CHECK

NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "uts"]
FILTERED = pathlib.Path(__file__).parents[1] / "lib/filtered"
F_GET_SEALS, ALL_SEALS = 1034, 0b1111
LOGIN = {
    "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh",
    "PATH": "/run/wrappers/bin:/run/current-system/sw/bin:"
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


class Reloader:
    """A container "web" that machinectl, a stub, knows, and reload with a command for it."""

    def __init__(self, starter, user_namespace=False, limits=(), filters=(),
                 supervisor="systemd-nspawn", before=()):
        self._starter = starter
        unshare = starter.bin.parent / f"supervisor/{supervisor}"
        unshare.parent.mkdir()
        shutil.copy(shutil.which("unshare"), unshare)
        user = ["--user", "--map-root-user"] if user_namespace else []
        filtered = [FILTERED, *filters, "--"] if filters else []
        own = ["--mount", "--uts", "--ipc", "--cgroup", "--net", "--pid"]
        self._unshare = subprocess.Popen(
            [*starter.network.host.enter, *before, unshare, *user, *own, "--fork", "--mount-proc",
             "setpriv", "--bounding-set=-sys_time,-sys_module,-mknod", *limits, *filtered, "sh",
             "-c", "echo; exec sleep infinity"],
            stdout=subprocess.PIPE)
        self._unshare.stdout.readline()
        (self.leader,) = children_of(self._unshare.pid)
        self.be_known(self.leader)

    def be_known(self, leader):
        machines = self._starter.run_directory / "systemd/machines"
        machines.mkdir(parents=True, exist_ok=True)
        (machines / "web").touch()
        self._starter.add_program("machinectl", f'echo "$*" >"$0.call"\necho {leader}')

    def be_forgotten(self):
        (self._starter.run_directory / "systemd/machines/web").unlink()

    @property
    def call(self):
        return (self._starter.bin / "machinectl.call").read_text()

    def variables(self, *command):
        return {"RELOAD_COMMAND": shlex.join(command), "HOME": "/nowhere", "FOO": "bar",
                **NO_LEAK_CHECK}

    def run(self, *command, before=(), arguments=(), variables=None):
        return self._starter.run_command(
            [*before, self._starter.build / "reload", *arguments],
            {**self.variables(*command), **(variables or {})})

    def run_in_terminal(self, *command):
        return self._starter.run_command(
            ["script", "--quiet", "--return", "/dev/null", "--command",
             shlex.quote(str(self._starter.build / "reload"))], self.variables(*command))

    def start(self, *command, **options):
        enter = [*self._starter.network.host.enter,
                 *self._starter.command(self._starter.build / "reload")]
        return subprocess.Popen([str(word) for word in enter], text=True,
                                env=self._starter.environment(self.variables(*command)), **options)

    def run_on_host(self, *command):
        return self._starter.network.host.run(command)

    def output_of(self, script):
        done = self.run("/bin/sh", "-c", script)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def close(self):
        os.kill(self.leader, signal.SIGKILL)
        self._unshare.wait()
        self._unshare.stdout.close()


@pytest.fixture
def reloader(starter, request):
    if os.geteuid() != 0:
        pytest.skip("reload needs root: a user namespace without it keeps its groups")
    if status_field(os.getpid(), "Seccomp") != "0" and "filters" in getattr(request, "param", {}):
        pytest.skip("filters cannot be read by a process that has one itself")
    made = Reloader(starter, **getattr(request, "param", {}))
    yield made
    made.close()


BOTH = pytest.mark.parametrize("reloader", [{}, {"user_namespace": True}], indirect=True,
                               ids=["same-users", "private-users"])


@pytest.mark.parametrize("status", [0, 1, 133])
def test_output_and_status(reloader, status):
    done = reloader.run("/bin/sh", "-c", f"echo out; echo err >&2; exit {status}")
    assert (done.returncode, done.stdout, done.stderr) == (status, "out\n", "err\n")
    assert reloader.call == "show --property=Leader --value -- web\n"


def test_a_signal_is_a_status_as_in_a_shell(reloader):
    assert reloader.run("/bin/sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM


@BOTH
def test_arguments_and_environment(reloader):
    words = ["a b", "", "$HOME", "'", "\n"]
    done = reloader.run("/usr/bin/printf", "%s|", *words)
    assert done.stdout == "".join(f"{word}|" for word in words)
    found = reloader.output_of("exec env -0")
    assert dict(line.split("=", 1) for line in found.split("\0") if line) == {**LOGIN, "PWD": "/"}


@BOTH
def test_no_more_than_the_container_may_do(reloader):
    allowed = status_field(reloader.leader, "CapBnd")
    assert allowed != status_field(os.getpid(), "CapBnd")
    found = dict(line.split(":\t") for line in
                 reloader.output_of("grep -E '^(Cap|Uid|Gid|Groups|NoNewPrivs)' /proc/self/status")
                 .splitlines())
    assert found["CapBnd"] == found["CapPrm"] == found["CapEff"] == allowed
    assert int(found["CapInh"], 16) == int(found["CapAmb"], 16) == 0
    assert found["Uid"] == found["Gid"] == "0\t0\t0\t0"
    assert found["NoNewPrivs"] == "0"


@pytest.mark.parametrize("reloader", [{"limits": ["--no-new-privs"]}], indirect=True, ids=["limited"])
def test_no_new_privileges(reloader):
    """As systemd-nspawn starts a container with --no-new-privileges."""
    assert reloader.output_of("grep NoNewPrivs /proc/self/status") == "NoNewPrivs:\t1\n"


def containers(**parameters):
    """Parametrizes: a reloader of these parameters in each container."""
    return pytest.mark.parametrize("reloader", [
        {"user_namespace": user, **parameters} for user in (False, True)], indirect=True,
        ids=["same-users", "private-users"])


@containers(filters=["mkdir=13"])
def test_filter_of_system_calls(reloader, tmp_path):
    fields = ("NoNewPrivs", "Seccomp", "Seccomp_filters", "CapPrm", "CapEff", "CapBnd")
    done = reloader.run("/bin/sh", "-c", "grep -E '%s' /proc/self/status; mkdir %s" % (
        "|".join(f"^{field}:" for field in fields), tmp_path / "made"))
    assert "Permission denied" in done.stderr
    assert not (tmp_path / "made").exists()
    assert status_field(reloader.leader, "Seccomp_filters") == "1"
    found = dict(line.split(":\t") for line in done.stdout.splitlines())
    assert found == {field: status_field(reloader.leader, field) for field in fields}


SYS_ADMIN = 21


@containers(filters=[f"-{SYS_ADMIN}", "mkdir=13"])
def test_filter_of_a_container_that_may_not_install_one(reloader):
    allowed = status_field(reloader.leader, "CapBnd")
    assert int(allowed, 16) >> SYS_ADMIN & 1 == 0
    found = reloader.output_of("grep -E '^(Cap(Bnd|Prm|Eff)|Seccomp):' /proc/self/status")
    assert [line.split()[1] for line in found.splitlines()] == [allowed] * 3 + ["2"]


@pytest.mark.parametrize("reloader", [
    {"filters": [f"-{SYS_ADMIN}", "capset=0"]},
    {"filters": [f"-{SYS_ADMIN}", "capset=0", "capget=0"]},
    {"filters": ["clone=0", "fork=0", "clone3=38"]}], indirect=True, ids=["capset", "capget", "fork"])
def test_filter_that_lies(reloader):
    """A call that it answers with success has done nothing."""
    done = reloader.run("/bin/echo", "executed")
    assert (done.returncode, done.stdout) == (71, "")
    assert done.stderr in (
        "reload: cannot give up capabilities: the container's system call filter prevents it\n",
        "reload: cannot fork: the container's system call filter prevents it\n")


@pytest.mark.parametrize("reloader", [{"filters": ["mkdir=13"]}], indirect=True, ids=["traced"])
def test_leader_that_is_traced(reloader):
    tracer = subprocess.Popen(["strace", "-p", str(reloader.leader)], stderr=subprocess.PIPE)
    wait_until(lambda: status_field(reloader.leader, "TracerPid") == str(tracer.pid))
    done = reloader.run("/bin/echo", "executed")
    tracer.terminate()
    tracer.communicate()
    assert (done.returncode, done.stdout) == (71, "")
    assert done.stderr == (
        f"reload: cannot trace process {reloader.leader}: Operation not permitted: another program "
        "may be tracing it, as strace(1) does, or CAP_SYS_PTRACE is missing\n")


@pytest.mark.parametrize("reloader", [{"filters": ["mkdir=13"]}], indirect=True, ids=["below"])
def test_reload_below_a_filter(reloader):
    done = reloader.run("/bin/echo", "executed", before=[FILTERED, "mkdir=13", "--"])
    assert (done.returncode, done.stdout) == (71, "")
    assert done.stderr == (
        f"reload: cannot read the system call filters of process {reloader.leader}: Permission "
        "denied: reload needs CAP_SYS_ADMIN and must not be under a filter itself, see "
        "SystemCallFilter= in systemd.exec(5)\n")


@BOTH
def test_namespaces_are_those_of_the_container(reloader):
    for kind in [*NAMESPACES, "user"]:
        assert (reloader.output_of(f"readlink /proc/self/ns/{kind}").strip()
                == os.readlink(f"/proc/{reloader.leader}/ns/{kind}"))


def test_a_process_of_the_container(reloader):
    """No terminal, no signal mask, no descriptor, no directory of the host's."""
    fields = dict(line.split(":", 1) for line in
                  reloader.output_of("grep Sig /proc/self/status").splitlines())
    assert int(fields["SigBlk"], 16) == 0
    assert reloader.output_of("pwd") == "/\n"
    assert reloader.output_of("cat; ls /proc/self/fd").split() == ["0", "1", "2", "3"]
    assert set(reloader.output_of("for fd in 0 1 2; do readlink /proc/self/fd/$fd; done")
               .replace(":", " ").split()[::2]) == {"pipe"}


def test_files_that_reload_was_given_stay_outside(reloader, tmp_path):
    before = ["sh", "-c", 'exec "$@" 7<>"$0"', tmp_path / "file"]
    done = reloader.run("/bin/ls", "/proc/self/fd", before=before)
    assert done.stdout.split() == ["0", "1", "2", "3"]


def has_ended(process):
    try:
        return status_field(process, "State").startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_program_is_a_sealed_copy(reloader):
    """What a process of the container finds at /proc/PID/exe is not the program on the host."""
    started = reloader.start("/bin/sh", "-c", "echo; exec sleep 60", stdout=subprocess.PIPE)
    started.stdout.readline()
    with open(f"/proc/{started.pid}/exe", "rb") as program:
        assert fcntl.fcntl(program, F_GET_SEALS) & ALL_SEALS == ALL_SEALS
    (child,) = children_of(started.pid)
    started.kill()
    started.communicate()
    wait_until(lambda: has_ended(child))


def test_output_comes_as_it_is_written(reloader, tmp_path):
    mark = tmp_path / "mark"
    script = f"echo one; read nothing; until [ -e {mark} ]; do sleep 0.01; done; echo two"
    started = reloader.start("/bin/sh", "-c", script, stdout=subprocess.PIPE)
    assert started.stdout.readline() == "one\n"
    assert started.poll() is None
    mark.touch()
    assert started.communicate(timeout=LONG)[0] == "two\n"


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_streams(reloader, closed, tmp_path):
    mark = tmp_path / "mark"
    done = reloader.run("/bin/sh", "-c", f"cat && echo out && echo err >&2 && echo done >{mark}",
                        before=["sh", "-c", f'exec "$0" {closed}'])
    assert done.returncode == 0
    assert mark.read_text() == "done\n"
    assert done.stdout == ("" if "1>&-" in closed else "out\n")
    assert done.stderr == ("" if "2>&-" in closed else "err\n")


def test_system_path(reloader, tmp_path):
    program = tmp_path / "bin/switch-to-configuration"
    program.write_text("#!/bin/sh\necho \"$0 $*\"\n")
    program.chmod(0o755)
    done = reloader.run(variables={"RELOAD_COMMAND": "", "SYSTEM_PATH": str(tmp_path)})
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{program} test\n", "")


def test_command_that_cannot_be_executed(reloader):
    done = reloader.run("/etc")
    assert done.returncode == 126
    assert done.stderr == ("reload: cannot execute /etc: Permission denied: /etc is not an "
                           "executable file\n")


@pytest.mark.parametrize("known", ["registered", "leader"])
def test_container_that_does_not_run(reloader, known):
    if known == "leader":  # machinectl fails
        reloader.be_known("; exit 1")
    else:
        reloader.be_forgotten()
    done = reloader.run("/bin/echo", "executed")
    assert (done.returncode, done.stdout) == (71, "")
    assert done.stderr == "reload: systemd-machined knows no container web: is it running?\n"


def test_without_machinectl(reloader):
    done = reloader.run("/bin/echo", "executed", before=["env", "PATH=/nowhere"])
    assert (done.returncode, done.stdout) == (71, "")
    assert done.stderr == ("reload: cannot find machinectl in PATH: Debian and Fedora have it in "
                           "the package systemd-container\n")


@pytest.mark.parametrize("leader", ["init", "other", "ended"])
def test_leader_that_is_none(reloader, leader):
    """Nothing is executed on the host."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    process = {"init": 1, "other": os.getpid(), "ended": ended.pid}[leader]
    reloader.be_known(process)
    done = reloader.run("/bin/echo", "executed")
    assert (done.returncode, done.stdout) == (71, "")
    assert done.stderr == f"reload: process {process} is not the PID 1 of a container\n"


@pytest.mark.parametrize("reloader", [
    {"supervisor": "other"},
    {"user_namespace": True, "before": ["setpriv", "--reuid=65534", "--clear-groups"]}],
    indirect=True, ids=["program", "user"])
@pytest.mark.parametrize("arguments", [[], ["--dry-run"]], ids=["run", "dry-run"])
def test_machine_of_somebody_else(reloader, arguments):
    """Its name is ours, and it is not the container that systemd-nspawn of root runs."""
    done = reloader.run("/bin/echo", "executed", arguments=arguments)
    assert (done.returncode, done.stdout) == (71, "")
    assert done.stderr == (f"reload: process {reloader.leader} is neither in this unit nor a child "
                           "of a systemd-nspawn of root\n")


def test_without_capabilities(reloader):
    done = reloader.run("/bin/echo", "executed", before=["setpriv", "--bounding-set=-all"])
    assert (done.returncode, done.stdout) == (71, "")
    supervisor = status_field(reloader.leader, "PPid")
    assert done.stderr == (f"reload: cannot look at the program of process {supervisor}: Permission "
                           "denied\n")


def environment_of(process):
    text = pathlib.Path(f"/proc/{process}/environ").read_text()
    return {word.partition("=")[0] for word in text.split("\0") if word}


@BOTH
def test_environment_of_the_host_stays_there(reloader):
    """A container without a user namespace may read the memory of what enters it."""
    started = reloader.start("/bin/sh", "-c", "echo; exec sleep 60", stdout=subprocess.PIPE)
    started.stdout.readline()
    (entered,) = children_of(started.pid)
    for process in (started.pid, entered):
        assert environment_of(process) <= {"INSTANCE", "RELOAD_COMMAND", "PATH", "ASAN_OPTIONS"}
    started.kill()
    started.communicate()


def test_faults_before_anything_is_asked(reloader):
    done = reloader.run(variables={"RELOAD_COMMAND": "true", "SYSTEM_PATH": "x", "INSTANCE": "a b"})
    assert done.returncode == 78
    assert [line.partition("=")[0] for line in done.stderr.splitlines()] == [
        "reload: INSTANCE", "reload: RELOAD_COMMAND", "reload: SYSTEM_PATH"]


@BOTH
def test_dry_run_prints_what_does_the_same(reloader, tmp_path):
    mark = tmp_path / "a 'mark'"
    script = 'printf "%s|" "$@" >"$0"; env; hostname; pwd'
    command = ["/bin/sh", "-c", script, str(mark), "$HOME", ""]
    printed = reloader.run(*command, arguments=["--dry-run"])
    assert (printed.returncode, printed.stderr) == (0, "")
    assert not mark.exists()
    pasted = reloader.run_on_host("sh", "-c", printed.stdout)
    assert (pasted.returncode, pasted.stderr) == (0, "")
    assert mark.read_text() == "$HOME||"
    assert reloader.run(*command).stdout == pasted.stdout


@BOTH
def test_no_terminal_of_the_host(reloader):
    """The command could type into it."""
    line = "cut --delimiter=' ' --fields=7 /proc/self/stat; true 2>/dev/null </dev/tty && echo has one"
    assert reloader.run_in_terminal("/bin/sh", "-c", line).stdout.split() == ["0"]
