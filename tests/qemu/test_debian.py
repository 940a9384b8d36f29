# SPDX-License-Identifier: MIT
"""Containers that boot systemd."""

import shlex
import statistics
import time

from container import wait_until
from host import LONG, PAIR, PROGRAMS, assert_reachable, seconds_to, succeed
from ping import wait_for_answer

PING = """
[Unit]
DefaultDependencies=no
Before=multi-user.target
FailureAction=exit-force
FailureActionExitStatus=3

[Service]
Type=oneshot
ExecStart=ping -c1 -W5 10.1.0.1
ExecStart=ping -c1 -W5 fd01::1
ExecStartPost=touch /run/pinged
"""


def test_network_at_boot(host, debian, record_property):
    """The first thing inside needs the host, has one try, and ends the container where it fails."""
    web, root = debian(**PAIR)
    web.start()  # for the caches
    web.start("restart")
    without = seconds_to(lambda: web.start("restart"))
    root.add_unit("ping.service", PING, "multi-user.target")
    within = seconds_to(lambda: web.start("restart"))
    assert web.inside("/run/pinged").exists()
    assert_reachable(host, web)
    record_property("restart", f"{without:.1f} s; with the pings {within:.1f} s")
    assert within < without + 20


def test_no_network_at_boot(debian, once):
    """The same with an address that the host does not have: the test above could fail."""
    web, root = debian(once, **PAIR)
    root.add_unit("ping.service", PING.replace("10.1.0.1", "10.1.0.9"), "multi-user.target")
    web.try_start()
    wait_until(lambda: web.state() == "failed", seconds=LONG, pause=0.1)
    assert web.property("ExecMainStatus") == "3"


# Prints what its process may do, and then its control group.
PROBE = """\
grep -E '^(Cap(Prm|Eff|Bnd|Amb)|Gid|Groups|NoNewPrivs|Seccomp|Seccomp_filters|Speculation.*|Uid):' \
    /proc/self/status
for name in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$name; done
cat /proc/self/attr/current /proc/self/cgroup
"""
PROBE_UNIT = """\
[Service]
Type=oneshot
ExecStart=sh -c 'sh /probe >/run/service'
"""


def test_reload_of_debian(host, debian):
    """The command may do what a service of the container may, and is beside its systemd."""
    command = shlex.quote(shlex.join(["/bin/sh", "-c", "sh /probe >/run/command"]))
    web, system = debian(RELOAD_COMMAND=command, **PAIR)
    (system.root / "probe").write_text(PROBE)
    system.add_unit("probe.service", PROBE_UNIT, "multi-user.target")
    web.start()
    assert_reachable(host, web)
    succeed("systemctl", "reload", web.service)
    command, service = (web.inside(f"/run/{name}").read_text().partition("0::")
                        for name in ("command", "service"))
    assert command[0] == service[0]
    assert "Seccomp:\t2\n" in command[0]
    assert command[2] == "/init.scope\n"
    assert service[2] == "/system.slice/probe.service\n"
    web.stop()


def time_to_answer(container):
    begin = time.monotonic()
    container.start_soon()
    wait_for_answer("10.1.0.2")
    answer = time.monotonic() - begin
    wait_until(lambda: container.state() == "active", seconds=LONG, pause=0.1)
    container.stop()
    return answer


# The host's end is configured when the container is ready, as scripts do.
AT_READY = f"""
ExecStart=
ExecStart=systemd-nspawn --keep-unit --quiet -M %i -D ${{root}} --network-veth --notify-ready=yes \
    --kill-signal=SIGRTMIN+3 --bind-ro={PROGRAMS}/container-init:/run/container-init \
    {" ".join(f"--setenv={key}" for key in PAIR)} /run/container-init /sbin/init
ExecStartPost=
ExecStartPost={PROGRAMS}/post-start
""".strip()


def test_time_to_first_answer(debian, record_property):
    web, _ = debian(**PAIR)
    time_to_answer(web)
    early = [time_to_answer(web) for _ in range(5)]
    web.drop_in(AT_READY)
    late = [time_to_answer(web) for _ in range(5)]
    for what, times in (("at once", early), ("at READY", late)):
        record_property(f"first answer, host's end {what}",
                        f"median of {len(times)} {statistics.median(times):.2f} s, "
                        f"{min(times):.2f} to {max(times):.2f} s")
    assert statistics.median(early) < statistics.median(late)
