# SPDX-License-Identifier: MIT
"""A container that is one program: a static server, in a root that holds nothing else."""

import pathlib
import shlex
import shutil

import pytest

import manual
from container import wait_until
from host import LONG, PAIR, assert_reachable, run, seconds_to, succeed

# What it pings has to answer to the first packet; without that it ends with the status.
SERVE = ("/busybox ping -c1 -W10 10.1.0.1 || exit 4; /busybox ping -c1 -W10 fd01::1 || exit 6; "
         "echo served >/index.html; exec /busybox httpd -f -p 80 -h /")


@pytest.fixture
def program(container, build):
    """Makes containers that run these words of a shell; the program is all that their root has."""

    def make(script, name="web", **variables):
        command = shlex.quote(shlex.join(["/busybox", "sh", "-c", script]))
        one = container(name, stage2=None, **{"COMMAND": command, **variables})
        shutil.copy(build / "tests/busybox", one.root / "busybox")
        return one

    return make


def fetch(busybox, address):
    return run(busybox, "wget", "-q", "-O", "-", f"http://{address}/").stdout


@pytest.mark.parametrize("users", ["no", "pick", "131072"])
def test_server(host, program, build, record_property, users):
    """It has its network from its first moment on, and it is gone within a second."""
    web = program(SERVE, PRIVATE_USERS=users, **PAIR)
    web.start()
    wait_until(lambda: fetch(build / "tests/busybox", "10.1.0.2") == "served\n", seconds=LONG, pause=0.05)
    assert fetch(build / "tests/busybox", "[fd01::2]") == "served\n"
    record_property("stopped in", f"{seconds_to(web.stop):.2f} s")
    assert web.property("ExecMainStatus") == "0"


def test_example_of_the_manual(host, container, build):
    """As it is in container.conf(5)."""
    example = manual.Example("/usr/local/share/man/man5/container.conf.5",
                             "cp /bin/busybox /var/lib/containers/web")
    web = container(stage2=None)
    shutil.copy(build / "tests/busybox", "/bin/busybox")
    web.undo_with(pathlib.Path("/bin/busybox").unlink)
    succeed("sh", "-c", example.script())
    web.start()
    wait_until(lambda: fetch("/bin/busybox", "10.0.0.2") == "hello\n", seconds=LONG, pause=0.05)
    web.stop()


def test_busybox_as_init(host, container, build):
    """With the lines of the manual: it does not report that it is ready, and knows other signals."""
    lines = "EXTRA_NSPAWN_FLAGS=--notify-ready=no\nKILL_SIGNAL=SIGUSR2\n"
    page = manual.displays("/usr/local/share/man/man8/container@.service.8")
    assert any(text.endswith(lines) for text in page)
    web = container(stage2=None, **dict(line.split("=", 1) for line in lines.splitlines()), **PAIR)
    shutil.copy(build / "tests/busybox", web.root / "busybox")
    (web.root / "sbin/init").symlink_to("../busybox")
    (web.root / "etc").mkdir()
    (web.root / "etc/inittab").write_text("::respawn:/busybox httpd -f -p 80 -h /etc\n")
    web.start()
    wait_until(lambda: run(build / "tests/busybox", "wget", "-q", "-O", "-", "http://10.1.0.2/inittab").stdout
               == "::respawn:/busybox httpd -f -p 80 -h /etc\n", seconds=LONG, pause=0.05)
    assert_reachable(host, web)
    web.stop()


def test_stop_before_the_program(host, program):
    """While container-init waits for a link that does not come up, and right after the start."""
    web = program("exec /busybox sleep 1234", WAIT_CARRIER="60", **PAIR)
    for moment in ("0", "0.1", "0.3", "0.6"):
        web.start_soon()
        run("sleep", moment)
        web.stop()  # a stop that is lost ends with a time-out, which is no success


@pytest.mark.parametrize("variables", [
    PAIR, {"HOST_BRIDGE": "br0", "LOCAL_ADDRESS": "10.3.0.2/24", "LOCAL_ADDRESS6": "fd03::2/64"},
], ids=["pair", "bridge"])
def test_first_ping_after_the_start(host, program, record_property, variables):
    """A request that came before the link had carrier would be repeated after a second."""
    host.add_bridge("br0", "10.3.0.1/24", "fd03::1/64")
    web = program("exec /busybox sleep 1234", **variables)
    answers = []
    for number in range(30):
        web.start()
        address = web.locals()[number % 2]
        answers.append(seconds_to(lambda: wait_for_first(host, address)))
        web.stop()
    record_property("slowest first ping", f"{max(answers) * 1000:.0f} ms")
    assert max(answers) < 0.5, answers


def wait_for_first(host, address):
    assert host.pings(address)


@pytest.mark.parametrize("users", ["no", "pick"])
@pytest.mark.parametrize("variables", [{}, PAIR], ids=["no network", "pair"])
def test_job_that_ends_at_once_runs_once(host, program, users, variables):
    """It may have ended before its network was seen to be there."""
    job = program("echo ran >>/ran", PRIVATE_USERS=users, **variables)
    runs = 15
    for _ in range(runs):
        assert job.try_start().returncode == 0, job.journal()
        wait_until(lambda: job.state() == "inactive", seconds=LONG, pause=0.02)
        assert (job.property("Result"), job.property("NRestarts")) == ("success", "0")
        job.forget()
    assert (job.root / "ran").read_text() == "ran\n" * runs


def test_program_that_cannot_be_executed(program, once):
    """It is not one of those that a start finds out before."""
    web = program("exit 0", once, COMMAND="/script")
    script = web.root / "script"
    script.write_text("#!/no/such/shell\n")
    script.chmod(0o755)
    assert web.try_start().returncode != 0
    assert web.property("ExecMainStatus") == "127"
    assert web.property("StatusText") == (
        "container-init: cannot execute /script: No such file or directory: its interpreter "
        "/no/such/shell does not exist")


def test_status(host, program, once):
    """That of the program is the unit's, and is shown beside what it printed."""
    web = program("echo its last words; exit 3", once)
    web.try_start()
    wait_until(lambda: web.state() == "failed", seconds=LONG, pause=0.1)
    assert web.property("ExecMainStatus") == "3"
    shown = web.status()
    assert "status=3" in shown and "its last words" in shown
    web.forget()
    web = program("exit 0", "other")
    web.try_start()
    wait_until(lambda: web.state() == "inactive", seconds=LONG, pause=0.1)
    assert web.property("Result") == "success"
