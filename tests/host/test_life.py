# SPDX-License-Identifier: MIT
"""How a container starts, stops, restarts and fails, and what is left of it."""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import time

import pytest

from container import wait_until
from host import (LONG, PAIR, POWER_OFF, REBOOT, assert_reachable, assert_unreachable, run,
                  seconds_to, succeed)


def wait_for_state(container, state):
    wait_until(lambda: container.state() == state, seconds=LONG, pause=0.1)


def test_reboot_inside(host, container):
    web = container(**PAIR)
    web.start()
    before = web.leader()
    web.signal(REBOOT)
    wait_until(lambda: web.property("NRestarts") == "1", seconds=LONG, pause=0.1)
    wait_for_state(web, "active")
    assert web.leader() != before
    assert_reachable(host, web)


def test_poweroff_inside(host, container):
    web = container(**PAIR)
    web.start()
    web.signal(POWER_OFF)
    wait_for_state(web, "inactive")
    time.sleep(3)
    assert (web.state(), web.property("Result")) == ("inactive", "success")
    assert web.property("NRestarts") == "0"
    assert_unreachable(host, web)


def stop_latency(container, moment):
    container.start_soon()
    time.sleep(moment)
    latency = seconds_to(lambda: succeed("systemctl", "stop", container.service))
    ended = [container.property(key) for key in ("ActiveState", "Result", "ExecMainStatus")]
    assert ended == ["inactive", "success", "0"], f"stopped at {moment * 1000:.0f} ms"
    return latency


def test_stop_at_any_moment(host, container, record_property):
    """A stop is neither lost nor late, from the moment that the start is asked for."""
    web = container(**PAIR)
    before = host.traces()
    ready = seconds_to(web.start)
    web.stop()
    order = random.Random(1)
    moments = [order.uniform(0, limit * ready) for limit in (0.2, 0.5, 1, 1.2) for _ in range(25)]
    latencies = sorted((stop_latency(web, moment), moment) for moment in moments)
    latency, moment = latencies[-1]
    record_property("ready after", f"{ready:.2f} s")
    record_property("worst of 100 stops", f"{latency:.2f} s, at {moment * 1000:.0f} ms")
    record_property("median", f"{latencies[50][0]:.2f} s")
    assert latency < 10
    assert host.settled(before) == before


def command_of(process):
    """The name of what a process executes, "" where there is none."""
    with contextlib.suppress(OSError):
        return pathlib.Path("/proc", process, "comm").read_text().strip()
    return ""


def test_stop_while_a_command_after_the_start_runs(container):
    """systemd ends it with SIGTERM, which is no failure. (What it executes a command with, from 254 on, may
    miss the signal.)"""
    web = container(**PAIR)
    web.drop_in("ExecStartPost=sleep 60")
    web.start_soon()
    wait_until(lambda: command_of(web.property("ControlPID")) == "sleep", seconds=LONG, pause=0.1)
    assert seconds_to(web.stop) < 10


def test_start_after_kill(host, container):
    web = container(**PAIR)
    web.start()
    for _ in range(5):
        succeed("systemctl", "kill", "--kill-whom=main", "--signal=KILL", web.service)
        web.start("restart")
        assert_reachable(host, web)


def test_comes_back_after_kill(host, container):
    """Nobody asks for it: Restart= does."""
    web = container(**PAIR)
    web.start()
    os.kill(int(web.property("MainPID")), 9)
    wait_until(lambda: web.property("NRestarts") == "1", seconds=LONG, pause=0.1)
    wait_for_state(web, "active")
    assert_reachable(host, web)


@pytest.fixture
def other():
    """A unit that machined may take for a container."""
    succeed("systemd-run", "--unit=other", "--slice=machine.slice", "sleep", "infinity")
    yield succeed("systemctl", "show", "--property=MainPID", "--value", "other").strip()
    run("systemctl", "stop", "other")
    run("systemctl", "reset-failed", "other")
    run("systemctl", "start", "systemd-machined")


def test_stale_registration(host, container, other):
    """machined was away when the leader ended."""
    succeed("busctl", "call", "org.freedesktop.machine1", "/org/freedesktop/machine1",
            "org.freedesktop.machine1.Manager", "RegisterMachine", "sayssus",
            "web", "0", "test", "container", other, "/")
    web = container(**PAIR)
    assert web.registered()
    succeed("systemctl", "stop", "systemd-machined")
    succeed("systemctl", "kill", "--signal=KILL", "other")
    assert web.registered()
    web.start()
    assert_reachable(host, web)


def test_stale_link(host, container):
    """As a host that crashed half-way leaves it."""
    host.add_neighbour("ve-web")
    web = container(**PAIR)
    web.start()
    assert_reachable(host, web)
    assert "deleted link ve-web, left by an earlier run" in web.journal()


BROKEN = {"HOST_ADDRESS": "10.1.0.300", "LOCAL_ADDRESS6": "10.1.0.2", "PRIVATE_NETWORK": "yes",
          "EXTRA_NSPAWN_FLAGS": "--bind='/a"}


def test_broken_configuration(container, record_property):
    """All faults are shown where one looks for them, at once, and nothing tries again."""
    web = container(**BROKEN)
    elapsed = seconds_to(web.try_start)
    record_property("failed after", f"{elapsed:.2f} s")
    assert elapsed < 10
    time.sleep(3)
    assert web.state() == "failed"
    assert web.property("ExecMainStatus") == "78"
    assert web.property("NRestarts") == "0"
    status = run("systemctl", "status", "--no-pager", "--full", web.service).stdout
    for variable in BROKEN:
        assert f"{variable}=" in status


def test_missing_bridge_is_named(container, once):
    web = container(once, HOST_BRIDGE="br0", DEVICE_TIMEOUT="1")
    assert web.try_start().returncode != 0
    assert "no link br0 after 1 s, wanted by HOST_BRIDGE" in web.journal()


SOON = "RestartSec=100ms"


def wait_for_the_last_attempt(container):
    """The retries end; systemd stays with its own words, `systemctl status` with the cause."""
    wait_for_state(container, "failed")
    assert container.property("NRestarts") == "20"
    assert "Start request repeated too quickly" in succeed("journalctl", "--unit", container.service,
                                                           "--since", f"@{container.since:.6f}")


def assert_status(container, cause):
    """In one line of its own, whatever becomes of the journal's lines in 80 columns."""
    shown = container.status()
    assert f'Status: "{cause}"\n' in shown, shown
    assert len(shown.splitlines()) < 24


def test_status_of_a_broken_configuration(container):
    web = container(HOST_ADDRESS="10.1.0.300", MACVLANS="a/b")
    assert web.try_start().returncode != 0
    found = web.property("StatusText")
    assert found.startswith('HOST_ADDRESS="10.1.0.300": ') and '; MACVLANS="a/b": ' in found
    assert_status(web, found)


def test_status_of_a_missing_bridge(container):
    web = container(HOST_BRIDGE="br0", DEVICE_TIMEOUT="1")
    web.drop_in(SOON)
    web.start_soon()
    wait_until(lambda: web.property("StatusText") == "waiting for br0, 1 s at most", pause=0)
    wait_for_the_last_attempt(web)
    assert_status(web, "no link br0 after 1 s, wanted by HOST_BRIDGE")


def test_status_of_a_clash(host, container):
    """Found out by a process that is not the unit's main one."""
    web = container(**PAIR)
    web.start()
    db = container("db", **PAIR)
    db.drop_in(SOON)
    assert db.try_start().returncode != 0
    wait_for_the_last_attempt(db)
    assert_status(db, "cannot add route 10.1.0.2 dev ve-db: File exists: 10.1.0.2 already leads to "
                      "ve-web")
    assert db.property("ExecMainStatus") == "71"
    assert_reachable(host, web)


def test_restarts_by_hand(host, container):
    """Each counts as a start, and fifteen of them are not too many."""
    web = container(**PAIR)
    web.start()
    for _ in range(15):
        assert web.try_start("restart").returncode == 0
    assert_reachable(host, web)


def test_no_status_is_left_behind(host, container):
    """That of a wait which was not too long."""
    web = container(HOST_BRIDGE="br0")
    web.start_soon()
    wait_until(lambda: web.property("StatusText") == "waiting for br0, 10 s at most", pause=0)
    host.add_bridge("br0")
    wait_for_state(web, "active")
    assert "waiting" not in web.property("StatusText")


def test_status_of_a_container_that_runs(host, container):
    """Its network at a glance, in 80 columns."""
    host.add_bridge("br0")
    web = container(EXTRA_VETHS="lan0:eth1,HOST_ADDRESS=10.2.0.1,LOCAL_ADDRESS=10.2.0.2 dmz0,HOST_BRIDGE=br0",
                    **PAIR)
    db = container("db", HOST_BRIDGE="br0", LOCAL_ADDRESS="10.3.0.2/24")
    own, shared = container("own", PRIVATE_NETWORK="1"), container("shared", PRIVATE_NETWORK="0")
    for one, status in ((web, "ve-web 10.1.0.1 - eth0 10.1.0.2, fd01::1 - fd01::2; 2 more"),
                        (db, "vb-db in br0 - eth0 10.3.0.2/24"),
                        (own, "a network of its own without links"), (shared, "the host's network")):
        one.start()
        assert_status(one, status)
        assert all(len(line) <= 80 for line in one.status().splitlines() if "Status:" in line)


def quiet(container, name="web", **variables):
    """Never says that it is ready."""
    one = container(name, STAGE2="/sbin/quiet", **variables)
    (one.root / "sbin/init").rename(one.root / "sbin/quiet")
    return one


def test_status_of_a_container_that_starts(container):
    web = quiet(container, **PAIR)
    web.start_soon()
    wait_until(lambda: web.property("StatusText") == "network is up, waiting for READY=1 of /sbin/quiet",
               seconds=LONG, pause=0.05)
    assert web.state() == "activating"


@pytest.mark.parametrize("flag", ["--no-such-flag", "--bind=/no/such/file"])
def test_status_of_a_flag_that_systemd_nspawn_refuses(container, once, flag):
    web = container(once, EXTRA_NSPAWN_FLAGS=flag, **PAIR)
    assert web.try_start().returncode != 0
    assert_status(web, "systemd-nspawn did not start the container: see the journal")


def test_status_keeps_a_backslash(container, once):
    web = container(once, HOST_ADDRESS="\u00e9")
    assert web.try_start().returncode != 0
    assert r'HOST_ADDRESS="\xc3\xa9": ' in web.property("StatusText")


def processor_time_of_systemd():
    fields = pathlib.Path("/proc/1/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("users", ["no", "pick"])
def test_container_that_floods_its_manager(host, container, record_property, users):
    """The host's systemd hears nothing of it."""
    web = container(STAGE2="/sbin/flood", PRIVATE_USERS=users, **PAIR)
    (web.root / "sbin/init").rename(web.root / "sbin/flood")
    web.start()
    before = processor_time_of_systemd()
    time.sleep(2)
    used = processor_time_of_systemd() - before
    record_property("processor time of systemd in 2 s", f"{used:.2f} s")
    assert used < 0.5
    assert "ve-web" in web.property("StatusText")
    assert seconds_to(web.stop) < 10


def waiter_of(container):
    """The process that start leaves behind."""
    found = (int(process) for process in (container.cgroup() / "waiter/cgroup.procs").read_text().split())
    return next(found)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_waiter_that_does_not_wait(host, container, once, number):
    """The start fails in its time, and nothing is left."""
    before = host.traces()
    web = quiet(container, once, **PAIR)
    web.drop_in("TimeoutStartSec=3")
    web.start_soon()
    wait_until(lambda: "waiting for READY=1" in web.property("StatusText"), seconds=LONG, pause=0.05)
    os.kill(waiter_of(web), number)
    wait_for_state(web, "failed")
    assert web.property("Result") == "timeout"
    web.close()
    assert host.settled(before)["processes"] == before["processes"]


def test_unit_without_a_runtime_directory(host, container):
    web = container(**PAIR)
    web.drop_in("RuntimeDirectory=")
    web.start()
    assert_reachable(host, web)
    assert "ve-web" in web.property("StatusText")


@pytest.mark.parametrize("lines", [["Type=simple"], ["Type=simple", "NotifyAccess=none"]])
def test_unit_that_is_not_notified(host, container, lines):
    web = container(**PAIR)
    web.drop_in(*lines)
    web.start()
    wait_until(lambda: pathlib.Path("/sys/class/net/ve-web").exists(), seconds=LONG)
    wait_until(lambda: host.pings(*web.locals()), seconds=LONG)


def test_longest_name(host, container):
    """The path of a socket has 107 characters at most."""
    web = container("w" * 64, **PAIR)
    web.start()
    assert_reachable(host, web)


def test_no_such_container(host, container):
    container(), container("db")
    before = host.traces()
    done = run("systemctl", "start", "container@nosuch")
    assert done.returncode != 0
    shown = run("systemctl", "status", "--no-pager", "container@nosuch").stdout
    assert 'Status: "no such root: /var/lib/containers/nosuch; there are db, web"\n' in shown
    assert "status=78" in shown
    assert host.settled(before) == before
    run("systemctl", "reset-failed", "container@nosuch")


@pytest.mark.parametrize("name", ["containers", "mounts", "registries", "storage"])
def test_files_of_podman(host, container, name):
    """Its configurations are beside ours, and its state where a container's might be."""
    state = pathlib.Path("/run/containers", name)
    state.mkdir(parents=True)
    (state / "kept").touch()
    storage = container(name, stage2=None, driver="overlay")
    traces = host.traces()
    assert storage.try_start().returncode != 0
    assert storage.property("ExecMainStatus") == "78"
    assert_status(storage, f'root="/var/lib/containers/{name}": there is no /sbin/init in it; wanted: a '
                           "directory with a system in it, or the path of its init in STAGE2")
    assert storage.property("NRestarts") == "0"
    assert (state / "kept").exists()
    assert host.traces() == traces
    shutil.rmtree(state)


def test_missing_stage2_is_named(container, once):
    web = container(once, STAGE2="/sbin/other", **PAIR)
    assert web.try_start().returncode != 0
    assert web.property("ExecMainStatus") == "78"
    assert "there is no /sbin/other in it" in web.journal()
    other = web.root / "sbin/other"
    other.write_text("#!/no/such/shell\n")
    other.chmod(0o755)
    assert web.try_start().returncode != 0
    assert web.property("ExecMainStatus") == "127"
    cause = ("container-init: cannot execute /sbin/other: No such file or directory: its interpreter "
             "/no/such/shell does not exist")
    assert cause in web.journal()
    assert_status(web, cause)


def test_ephemeral(host, container):
    web = container(EPHEMERAL="1", **PAIR)
    web.start()
    assert_reachable(host, web)
    web.inside("/written").write_text("gone at the end")
    assert not (web.root / "written").exists()
    web.stop()
    assert not (web.root / "written").exists()


def test_tmpfs(host, container):
    web = container(TMPFS="/scratch:size=1M,mode=0700", **PAIR)
    web.start()
    mounts = web.inside("/proc/1/mounts").read_text().splitlines()
    scratch = [line.split() for line in mounts if line.split()[1] == "/scratch"]
    assert len(scratch) == 1 and scratch[0][2] == "tmpfs" and "size=1024k" in scratch[0][3]
    assert_reachable(host, web)


@pytest.fixture
def srv():
    path = pathlib.Path("/srv/data")
    path.mkdir(parents=True)
    yield path
    shutil.rmtree(path)


@pytest.mark.emulated
def test_private_users(host, container, srv):
    """The unit's default. On this file system the root keeps its owners, and so do binds that ask for
    it; the others belong to nobody inside."""
    binds = f"--bind={srv}:/srv/mapped:idmap --bind={srv}:/srv/plain"
    web = container(EXTRA_NSPAWN_FLAGS=binds, **PAIR)
    for _ in range(2):
        web.start()
        assert_reachable(host, web)
        user = web.first_user()
        assert user >= 0x10000
        for inside, owner in (("/etc/resolv.conf", user), ("/srv/mapped", user), ("/srv/plain", 0)):
            assert web.inside(inside).stat().st_uid == owner
        web.stop()
        kept = [web.root, srv, *(web.root / path for path in (
            "etc/machine-id", "etc/resolv.conf", "root", "sbin/init", "usr/bin", "var/lib/private"))]
        assert {path.lstat().st_uid for path in kept} == {0}
    web.configure({**PAIR, "PRIVATE_USERS": "no"})
    web.start()
    assert web.first_user() == 0
    assert "belongs to user" not in web.journal()


@pytest.mark.parametrize("users", ["no", "pick"])
def test_reload(host, container, users):
    """The network of the container becomes that of its file, while the container runs."""
    web = container(PRIVATE_USERS=users, **PAIR)
    web.start()
    leader = web.leader()
    web.configure({**web.variables, "LOCAL_ADDRESS": "10.1.0.3", "HOST_ADDRESS6": "fd01::3"})
    succeed("systemctl", "reload", web.service)
    assert web.leader() == leader
    assert_reachable(host, web)
    assert host.misses("10.1.0.2")
    assert "ve-web 10.1.0.1 - eth0 10.1.0.3, fd01::3 - fd01::2" in web.property("StatusText")


def test_reload_of_an_init_without_a_bus(host, container):
    """It cannot be asked to run the command."""
    web = container(RELOAD_COMMAND="/sbin/init report", **PAIR)
    web.start()
    assert run("systemctl", "reload", web.service).returncode != 0
    assert "status=69" in web.journal()
    assert ("reload: the service manager of container web does not answer: it must be systemd, with the system "
            "bus of D-Bus; systemctl restart applies everything\n" in web.journal())
    assert web.state() == "active"
    assert_reachable(host, web)
