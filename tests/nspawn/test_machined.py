# SPDX-License-Identifier: MIT
"""pre-start on a systemd host with machined."""

import pytest

import debian
from container import make_minimal_root, wait_until

UNIT = """\
[Unit]
StartLimitIntervalSec=0
[Service]
Environment=INSTANCE=%i HOST_ADDRESS=10.1.0.1 LOCAL_ADDRESS=10.1.0.2
ExecStartPre=/opt/build/pre-start
ExecStart=systemd-nspawn --keep-unit --quiet -M %i -D /var/lib/machines/%i --network-veth \\
  --kill-signal=SIGRTMIN+3 --setenv=HOST_ADDRESS=10.1.0.1 --setenv=LOCAL_ADDRESS=10.1.0.2 \\
  --setenv=WAIT_CARRIER=60 /container-init /stage2 wait
ExecStartPost=/opt/build/post-start --wait=60
KillMode=mixed
Delegate=yes
Slice=machine.slice
"""
REGISTERED = "/run/systemd/machines/web"
REGISTER = ("busctl call org.freedesktop.machine1 /org/freedesktop/machine1 "
            "org.freedesktop.machine1.Manager RegisterMachine sayssus")


@pytest.fixture(scope="module")
def host(tmp_path_factory, debian_root, build):
    directory = tmp_path_factory.mktemp("host")
    make_minimal_root(directory / "web", build)
    (directory / "unit").write_text(UNIT)
    with debian.booted(debian_root, build / "pre-start", [
            f"--bind-ro={build}:/opt/build", f"--bind={directory / 'web'}:/var/lib/machines/web",
            f"--bind-ro={directory / 'unit'}:/etc/systemd/system/container@.service"]) as booted:
        yield booted


@pytest.fixture(autouse=True)
def clean(host):
    yield
    host.run("systemctl stop container@web;"
             "systemctl kill --signal=KILL other shell;"
             "systemctl stop other shell;"
             "systemctl reset-failed")
    wait_until(lambda: not host.succeeds(f"test -e {REGISTERED}"))


def start(host, verb="start"):
    done = host.run(f"systemctl {verb} container@web")
    assert done.returncode == 0, host.run("journalctl --no-pager --unit container@web").stdout
    wait_until(lambda: host.succeeds("ip route get 10.1.0.2 | grep --quiet ve-web"))
    wait_until(lambda: "LOWER_UP" in host.run("ip link show dev ve-web").stdout)
    assert host.succeeds(f"test -e {REGISTERED}")


def start_other(host):
    """A machine of the same name, of a unit that pre-start does not know."""
    assert host.succeeds(
        "systemd-run --collect --unit=other --property=Delegate=yes --slice=machine.slice systemd-nspawn "
        "--keep-unit --quiet -M web -D /var/lib/machines/web --network-veth /stage2 wait")
    wait_until(lambda: host.succeeds(f"test -e {REGISTERED}"))


def journal(host):
    return host.run("journalctl --no-pager --output=cat --unit container@web").stdout


def test_start_after_kill(host):
    """systemd-nspawn killed: its link and registration stay for a moment, and a mount of systemd 256
    and later for good. The next start works."""
    start(host)
    for _ in range(5):
        host.output_of("kill -KILL $(systemctl show --property=MainPID --value container@web)")
        start(host, "restart")


def test_terminates_running_machine(host):
    """Of another unit, as one that was started by hand."""
    start_other(host)
    done = host.run("INSTANCE=web LOCAL_ADDRESS=10.1.0.2 /opt/build/pre-start --dry-run")
    assert done.stdout.splitlines()[0] == "machinectl terminate web"
    start(host)
    assert "terminating machine web, which is still running" in journal(host)
    assert host.run("systemctl is-active other").stdout != "active\n"


def test_waits_for_end_of_nspawn(host):
    """It holds the lock of the root for longer than machined knows the machine."""
    for _ in range(5):
        start_other(host)
        assert host.succeeds("INSTANCE=web LOCAL_ADDRESS=10.1.0.2 /opt/build/pre-start")
        assert host.running("/usr/bin/systemd-nspawn") == []


def test_nspawn_that_does_not_end(host):
    """A shell of that name, with the leader as a child. Only the leader is in the machine's unit."""
    assert host.succeeds("cp /bin/sh /run/systemd-nspawn")
    assert host.succeeds("systemd-run --unit=other --property=Delegate=yes sleep infinity")
    assert host.succeeds("systemd-run --unit=shell /run/systemd-nspawn -c "
                         "'sleep infinity & echo $! >/run/leader; sleep infinity; exit'")
    wait_until(lambda: host.succeeds("test -s /run/leader"))
    assert host.succeeds(
        "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 "
        "org.freedesktop.systemd1.Manager AttachProcessesToUnit ssau other.service '' 1 "
        f"$(cat /run/leader) && {REGISTER} web 0 test container $(cat /run/leader) /")
    done = host.run("INSTANCE=web LOCAL_ADDRESS=10.1.0.2 /opt/build/pre-start")
    assert done.returncode == 75
    assert done.stderr == ("pre-start: terminating machine web, which is still running\n"
                           "pre-start: systemd-nspawn of machine web still runs after 10 s\n")


def test_leader_that_died_unseen(host):
    """machined was away when its leader ended, and its file about the machine stayed."""
    assert host.succeeds("systemd-run --unit=other --slice=machine.slice sleep infinity")
    assert host.succeeds(
        f"{REGISTER} web 0 test container $(systemctl show --property=MainPID --value other) /")
    assert host.succeeds(f"test -e {REGISTERED}")
    host.run("systemctl stop systemd-machined; systemctl kill --signal=KILL other")
    assert host.succeeds(f"test -e {REGISTERED}")
    start(host)


BUSY = """\
#!/bin/sh
echo "$1" >>/run/busy/asked
case $1 in
show) [ "$(wc -l </run/busy/asked)" -gt 1 ] || exit 1 ;;
terminate) exit 1 ;;
esac
exec /usr/bin/machinectl "$@"
"""


def test_machined_is_busy(host):
    """It says nothing about a machine that has ended, and fails to stop the unit, which is starting."""
    assert host.succeeds("systemd-run --unit=other --slice=machine.slice sleep infinity")
    assert host.succeeds(
        f"{REGISTER} web 0 test container $(systemctl show --property=MainPID --value other) /")
    host.run("systemctl stop systemd-machined; systemctl kill --signal=KILL other")
    host.output_of(f"mkdir -p /run/busy && cat >/run/busy/machinectl <<'END'\n{BUSY}END\n"
                   "chmod +x /run/busy/machinectl")
    done = host.run("PATH=/run/busy:$PATH INSTANCE=web LOCAL_ADDRESS=10.1.0.2 /opt/build/pre-start")
    assert host.output_of("head -n 2 /run/busy/asked") == "show\nterminate\n"
    assert (done.returncode, host.succeeds(f"test -e {REGISTERED}")) == (0, False), done.stderr


def test_without_machinectl(host):
    """A machine that is registered, and nobody to end it: its link stays."""
    start(host)
    done = host.run("PATH=/nowhere INSTANCE=web LOCAL_ADDRESS=10.1.0.2 /opt/build/pre-start")
    assert done.returncode == 71
    assert "cannot remove machine web: machinectl terminate: not found in PATH\n" in done.stderr
    assert host.succeeds("ip link show dev ve-web")
