# SPDX-License-Identifier: MIT
"""What stage 2 finds, and what is said when it cannot be started."""

import os
import signal
import stat
import subprocess

import pytest

from container import LONG, STOP_SIGNAL, children_of

NOT_EXECUTABLE, NOT_FOUND = 126, 127


def report(done):
    """The lines of `stage2 report` by their first word."""
    found = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ") if not line.startswith(("Sig", "Shd")) else line.partition("\t")
        found.setdefault(key.rstrip(":"), []).append(value)
    return found


def start(namespace, build, *arguments, **options):
    return namespace.run([build / "container-init", "--", *arguments], **options)


def test_arguments_and_environment(namespace, build):
    namespace.ip("link add host0 type veth peer name other")
    arguments = [str(build / "tests/stage2"), "report", "", "--dry-run", "two words", "$HOME", "\\"]
    variables = {"LOCAL_ADDRESS": "10.1.0.2", "FOO": "bar baz", "EMPTY": ""}
    done = start(namespace, build, *arguments, variables=variables)
    found = report(done)
    assert found["arg"] == arguments
    assert set(found["env"]) == {f"{name}={value}" for name, value in
                                 {"PATH": os.environ["PATH"], **variables}.items()}


def test_options_after_stage2_are_its_own(namespace, build):
    done = namespace.run([build / "container-init", "/bin/echo", "--help"])
    assert "Usage: container-init" not in done.stdout


def test_descriptors_and_directory(namespace, build, tmp_path):
    namespace.ip("link add host0 type veth peer name other")
    extra = os.open("/dev/zero", os.O_RDONLY)
    options = {"variables": {"LOCAL_ADDRESS": "10.1.0.2", "WAIT_CARRIER": "0"}, "cwd": tmp_path,
               "pass_fds": [extra]}
    direct = report(namespace.run([build / "tests/stage2", "report"], **options))
    through = report(start(namespace, build, build / "tests/stage2", "report", **options))
    os.close(extra)
    assert f"{extra} /dev/zero" in through["fd"]
    assert [line.split()[0] for line in through["fd"]] == [line.split()[0] for line in direct["fd"]]
    assert through["cwd"] == [str(tmp_path)]


def test_descriptors_after_waiting(network, build):
    network.add_pair("ve-web", "host0")
    done = network.container_init({"LOCAL_ADDRESS": "10.1.0.2", "WAIT_CARRIER": "1"},
                                  build / "tests/stage2", "report")
    assert sorted(line.split()[0] for line in report(done)["fd"]) == ["0", "1", "2"]


@pytest.mark.parametrize("blocked", [set(), {signal.SIGUSR1, signal.SIGTERM}, {STOP_SIGNAL}],
                         ids=["none", "some", "stop"])
@pytest.mark.parametrize("ignored", [set(), {signal.SIGHUP}], ids=["default", "ignored"])
@pytest.mark.parametrize("first", [True, False], ids=["pid-1", "below-an-init"])
def test_signals(namespace, build, blocked, ignored, first):
    """The stop signal is blocked for the first process only: for another one it would stay so."""
    namespace.ip("link add host0 type veth peer name other")

    def prepare():
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    def started(program):
        return report(namespace.run([*before, *program, build / "tests/stage2", "report"],
                                    {"LOCAL_ADDRESS": "10.1.0.2"}, preexec_fn=prepare))

    before = ["unshare", "--pid", "--fork"] if first else []
    direct, through = started([]), started([build / "container-init"])
    stop_bit = 1 << (STOP_SIGNAL - 1) if first else 0
    assert int(through["SigBlk"][0], 16) == int(direct["SigBlk"][0], 16) | stop_bit
    assert through["SigIgn"] == direct["SigIgn"]
    assert through["SigCgt"] == direct["SigCgt"]


def test_stop_before_stage2(network, build):
    """As the first process of a PID namespace: a stop while it waits for carrier ends it, with 0."""
    network.add_pair("ve-web", "host0")
    started = network.container.start_waiting(
        [build / "container-init", "/bin/echo", "stage 2"],
        {"LOCAL_ADDRESS": "10.1.0.2", "WAIT_CARRIER": str(2 * LONG)},
        before=["unshare", "--pid", "--fork"], stdout=subprocess.PIPE)
    (program,) = children_of(started.pid)
    os.kill(program, STOP_SIGNAL)
    assert started.communicate(timeout=LONG)[0] == ""
    assert started.returncode == 0


def test_stop_already_pending(namespace, build):
    """Pending when the program starts, as long as someone before it blocked the signal."""
    done = namespace.run(
        [build / "container-init", "/bin/echo", "stage 2"],
        preexec_fn=lambda: (signal.pthread_sigmask(signal.SIG_BLOCK, {STOP_SIGNAL}),
                            os.kill(os.getpid(), STOP_SIGNAL)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def write(path, content, mode=0o755):
    path.write_bytes(content)
    path.chmod(mode)
    return path


def foreign_elf(build):
    """Of the right class, with a machine that no processor here is."""
    content = bytearray((build / "tests/stage2").read_bytes()[:4096])
    content[18:20] = b"\xfe\xca"
    return bytes(content)


def elf_with_interpreter(name):
    """The head of a program whose only segment names its dynamic linker."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + b"".join(number.to_bytes(size, "little") for number, size in [
        (3, 2), (os_machine(), 2), (1, 4), (0, 8), (64, 8), (0, 8), (0, 4), (64, 2), (56, 2), (1, 2),
        (0, 2), (0, 2), (0, 2)])
    path = name.encode() + b"\0"
    segment = b"".join(number.to_bytes(size, "little") for number, size in [
        (3, 4), (4, 4), (120, 8), (120, 8), (120, 8), (len(path), 8), (len(path), 8), (1, 8)])
    return header + segment + path


def os_machine():
    return int.from_bytes(open("/proc/self/exe", "rb").read(20)[18:20], "little")


def error_of(namespace, build, path):
    done = start(namespace, build, path)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    return done.returncode, done.stderr.rstrip("\n")


def test_missing_file(namespace, build):
    assert error_of(namespace, build, "/no/such/init") == (
        NOT_FOUND, "container-init: cannot execute /no/such/init: No such file or directory")


def test_path_below_a_file(namespace, build):
    assert error_of(namespace, build, "/etc/passwd/init") == (
        NOT_FOUND, "container-init: cannot execute /etc/passwd/init: Not a directory")


@pytest.mark.parametrize("path,shown", [("", '""'), ("/no such", '"/no such"'), ("/a\nb", r'"/a\x0ab"')])
def test_path_that_is_not_plain(namespace, build, path, shown):
    assert error_of(namespace, build, path) == (
        NOT_FOUND, f"container-init: cannot execute {shown}: No such file or directory")


@pytest.mark.parametrize("line", ["#!/no/such/sh", "#! /no/such/sh -e\nexit\n", "#!\t/no/such/sh"])
def test_missing_script_interpreter(namespace, build, tmp_path, line):
    path = write(tmp_path / "init", line.encode())
    assert error_of(namespace, build, path) == (
        NOT_FOUND, f"container-init: cannot execute {path}: No such file or directory: "
                   "its interpreter /no/such/sh does not exist")


def test_missing_elf_interpreter(namespace, build, tmp_path):
    path = write(tmp_path / "init", elf_with_interpreter("/no/such/ld.so"))
    assert error_of(namespace, build, path) == (
        NOT_FOUND, f"container-init: cannot execute {path}: No such file or directory: "
                   "its interpreter /no/such/ld.so does not exist")


def test_interpreter_of_interpreter(namespace, build, tmp_path):
    last = write(tmp_path / "elf", elf_with_interpreter("/no/such/ld.so"))
    middle = write(tmp_path / "middle", f"#!{last}\n".encode())
    path = write(tmp_path / "init", f"#!{middle}\n".encode())
    assert error_of(namespace, build, path) == (
        NOT_FOUND, f"container-init: cannot execute {path}: No such file or directory: "
                   "its interpreter /no/such/ld.so does not exist")


def test_script_chain_runs(namespace, build, tmp_path):
    middle = write(tmp_path / "middle", b"#!/bin/sh\necho middle \"$1\"\n")
    path = write(tmp_path / "init", f"#!{middle}\n".encode())
    assert start(namespace, build, path).stdout == f"middle {path}\n"


def test_endless_chain(namespace, build, tmp_path):
    path = tmp_path / "init"
    write(path, f"#!{path}\n".encode())
    status, text = error_of(namespace, build, path)
    assert status == NOT_EXECUTABLE
    assert text.endswith((": Too many levels of symbolic links", ": Symbolic link loop"))  # glibc, musl


def test_not_executable(namespace, build, tmp_path):
    path = write(tmp_path / "init", b"#!/bin/sh\n", 0o644)
    assert error_of(namespace, build, path) == (
        NOT_EXECUTABLE, f"container-init: cannot execute {path}: Permission denied: "
                        f"{path} is not an executable file")


def test_interpreter_not_executable(namespace, build, tmp_path):
    shell = write(tmp_path / "sh", b"", 0o644)
    path = write(tmp_path / "init", f"#!{shell}\n".encode())
    assert error_of(namespace, build, path) == (
        NOT_EXECUTABLE, f"container-init: cannot execute {path}: Permission denied: "
                        f"{shell} is not an executable file")


def test_directory(namespace, build, tmp_path):
    status, text = error_of(namespace, build, tmp_path)
    assert (status, text) == (NOT_EXECUTABLE,
                              f"container-init: cannot execute {tmp_path}: Permission denied: "
                              f"{tmp_path} is not an executable file")


@pytest.mark.parametrize("content", [b"", b"text\n", b"\x7fEL"], ids=["empty", "text", "cut"])
def test_no_program(namespace, build, tmp_path, content):
    path = write(tmp_path / "init", content)
    assert error_of(namespace, build, path) == (
        NOT_EXECUTABLE, f"container-init: cannot execute {path}: Exec format error: "
                        "neither a program for this machine nor a script with #!")


def test_program_of_another_machine(namespace, build, tmp_path):
    path = write(tmp_path / "init", foreign_elf(build))
    assert error_of(namespace, build, path)[0] == NOT_EXECUTABLE


def test_fifo_does_not_hang(namespace, build, tmp_path):
    path = tmp_path / "init"
    os.mkfifo(path, 0o755)
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert error_of(namespace, build, path)[0] == NOT_EXECUTABLE
