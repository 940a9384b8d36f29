# SPDX-License-Identifier: MIT
"""pre-start in a network namespace: what it deletes, what it never deletes, what it waits for."""

import fcntl
import os
import struct
import subprocess

import pytest

import combinations
from combinations import ADDRESSES, OTHERS
from container import LONG, PRIVATE_RUN
from namespace import NO_LEAK_CHECK

PAIR = {"LOCAL_ADDRESS": "10.1.0.2"}
EVERYTHING = {**ADDRESSES["single"], **OTHERS}


@pytest.mark.parametrize("variable", EVERYTHING)
@pytest.mark.parametrize("link", ["ve-web", "vb-web"])
def test_deletes_stale_link(network, link, variable):
    """Every variable that makes a pair is enough, whatever kind of pair there was before."""
    network.add_bridge()
    network.add_pair(link, "host0")
    network.add_pair("ve-other", "other")
    done = network.pre_start({variable: EVERYTHING[variable]})
    assert done.returncode == 0
    assert done.stderr == f"pre-start: deleted link {link}, left by an earlier run\n"
    assert network.host.links() == {"br0", "ve-other"}
    assert network.container.links() == {"other"}


def test_nothing_to_delete(network):
    for _ in range(2):
        done = network.pre_start(PAIR)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


PRIVATE_DHCPCD = ["unshare", "--mount", "sh", "-ec", """\
mount -n --bind "$1/etc" /etc
mount -n --bind "$1/run" /run
shift
exec "$@"
""", "sh"]


@pytest.mark.parametrize("variables,lines,links", [
    (PAIR, "", ["ve-web"]),
    (PAIR, "denyinterfaces ve-* vb-*", []),
    (PAIR, "# denyinterfaces ve-*", ["ve-web"]),
    (PAIR, "  denyinterfaces  eth1,ve-w*", []),
    (PAIR, "denyinterfaces eth1\nallowinterfaces eth0 wl*", []),
    (PAIR, "allowinterfaces *", ["ve-web"]),
    ({"HOST_BRIDGE": "br0"}, "denyinterfaces ve-*", ["vb-web"]),
    ({**PAIR, "EXTRA_VETHS": "lan0 lan1"}, "denyinterfaces lan0", ["lan1", "ve-web"]),
    ({**PAIR, "INSTANCE": "a" * 20}, "", ["ve-aaaaaaaaHTTf"]),
    ({"PRIVATE_NETWORK": "1"}, "", [])])
def test_warns_of_dhcpcd(network, skip_without, build, tmp_path, variables, lines, links):
    """It takes the links of a container for the host's."""
    skip_without("mounts")
    network.add_bridge()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/dhcpcd.conf").write_text(f"hostname\n{lines}\n")
    (tmp_path / "run/dhcpcd").mkdir(parents=True)
    command = [*PRIVATE_DHCPCD, tmp_path, build / "pre-start"]
    variables = {"INSTANCE": "web", **variables}
    assert network.host.run(command, variables).stderr == ""  # it does not run
    (tmp_path / "run/dhcpcd/pid").write_text("1\n")
    done = network.host.run(command, variables)
    assert done.returncode == 0
    assert done.stderr == ("" if not links else
                           f"pre-start: dhcpcd configures {', '.join(links)} too, and may lead the host's "
                           f'traffic into the container: the line "denyinterfaces {" ".join(links)}" in '
                           "/etc/dhcpcd.conf prevents this\n")
    (tmp_path / "etc/dhcpcd.conf").unlink()  # it has another
    assert network.host.run(command, variables).stderr == ""


def test_no_pair_no_deletion(network):
    network.add_pair("ve-web", "host0")
    done = network.pre_start({"PRIVATE_NETWORK": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert network.host.links() == {"ve-web"}


def test_deletes_extra_pairs(network):
    for link in ("ve-web", "lan0", "lan1"):
        network.add_pair(link, f"{link}-in")
    done = network.pre_start({**PAIR, "EXTRA_VETHS": "lan0 lan1:eth1,HOST_ADDRESS=10.2.0.1 lan2"})
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"pre-start: deleted link {link}, left by an earlier run" for link in ("lan0", "lan1", "ve-web")]
    assert network.host.links() == set()


@pytest.mark.parametrize("alternative", [True, False], ids=["alternative-name", "hashed-name"])
def test_deletes_long_name(network, alternative):
    name = "really-long-long-name-2"
    link = "some-other-name" if alternative else "ve-really-lFYWO"
    network.add_pair(link, "host0")
    if alternative:
        network.host.ip(f"link property add dev {link} altname ve-{name}")
    done = network.pre_start({**PAIR, "INSTANCE": name})
    assert done.returncode == 0
    assert network.host.links() == set()


@pytest.mark.parametrize("kind", ["bridge", "macvlan"])
def test_never_deletes_what_is_no_veth(network, kind):
    network.add_pair("ve-web", "host0")
    network.add_pair("parent", "peer")
    over = "link parent" if kind == "macvlan" else ""
    network.host.ip(f"link add {over} br0 type {kind}")
    with network.host.unchanged():
        done = network.pre_start({**PAIR, "EXTRA_VETHS": "br0"})
    assert done.returncode == 78
    assert done.stderr == (f"pre-start: link br0 is of kind {kind}, not a veth, and so not an "
                           "end of a pair\n")


@pytest.mark.parametrize("link,variables", [("ve-web", PAIR), ("ai0", {"EXTRA_VETHS": "ai0"})])
def test_never_deletes_a_pair_of_the_host(network, link, variables):
    """Somebody has made it between two bridges, or for a program that he runs."""
    network.add_pair("lan0", "host0")
    network.host.ip(f"link add {link} type veth peer name other")
    with network.host.unchanged():
        for arguments in [], ["--dry-run"]:
            done = network.pre_start({**variables, "EXTRA_VETHS": f"lan0 {variables.get('EXTRA_VETHS', '')}"}, *arguments)
            assert (done.returncode, done.stdout) == (78, "")
            assert done.stderr == (f"pre-start: link {link} is an end of a pair whose other end, other, is on the "
                                   "host too, and so no container's\n")


def test_names_a_device_that_came_back(network):
    """A device of INTERFACES keeps the name that the other container gave it. The loopback stands for it."""
    network.host.ip("link set lo name ve-web")
    with network.host.unchanged():
        done = network.pre_start(PAIR)
    assert done.returncode == 78
    assert done.stderr == ("pre-start: link ve-web is a device, not a veth, and so not an end of a pair; one of "
                           "INTERFACES that has come back from a container keeps its name of there: "
                           "ip link set ve-web name NEW\n")


def test_never_deletes_the_loopback(network):
    with network.host.unchanged():
        done = network.pre_start({"EXTRA_VETHS": "lo"})
    assert done.returncode == 78
    assert "link lo is a device, not a veth" in done.stderr


def test_bridge_that_is_none(network):
    network.add_pair("br0", "peer")
    with network.host.unchanged():
        done = network.pre_start({"EXTRA_VETHS": "lan0,HOST_BRIDGE=br0"})
    assert done.returncode == 78
    assert done.stderr == ('pre-start: EXTRA_VETHS: lan0: HOST_BRIDGE="br0": the link is of kind '
                           "veth, not a bridge\n")


TAKEN = "is an address of this host, by link {}; wanted: one that nobody else has"


@pytest.mark.parametrize("variables,named,link", [
    ({"HOST_BRIDGE": "br0", "LOCAL_ADDRESS": "10.5.0.1/24"}, "LOCAL_ADDRESS: 10.5.0.1", "br0"),
    ({"LOCAL_ADDRESS": "10.5.0.1"}, "LOCAL_ADDRESS: 10.5.0.1", "br0"),
    ({"LOCAL_ADDRESS": "10.5.0.255"}, "LOCAL_ADDRESS: 10.5.0.255", "br0"),  # the broadcast address
    ({"LOCAL_ADDRESS6": "fd05::1"}, "LOCAL_ADDRESS6: fd05::1", "br0"),
    ({"LOCAL_ADDRESS": "fd05::1"}, "LOCAL_ADDRESS6: fd05::1", "br0"),
    ({"LOCAL_ADDRESS": "10.6.0.1"}, "LOCAL_ADDRESS: 10.6.0.1", "lo"),
    ({"EXTRA_VETHS": "lan0 lan1,LOCAL_ADDRESS=10.5.0.1"}, "EXTRA_VETHS: lan1: LOCAL_ADDRESS: 10.5.0.1", "br0")])
def test_address_of_the_host_itself(network, variables, named, link):
    network.add_bridge()
    network.host.ip("link set lo up", "link set br0 up", "address add 10.5.0.1/24 broadcast + dev br0",
                    "address add fd05::1/64 dev br0 nodad", "address add 10.6.0.1/32 dev lo")
    with network.host.unchanged():
        done = network.pre_start(variables, "--", "/bin/echo", "executed")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"pre-start: {named} {TAKEN.format(link)}\n"


def test_addresses_that_are_free(network):
    """Also one of the link that is left of an earlier run, which goes, and one that another link has too."""
    network.add_bridge()
    network.add_pair("ve-web", "host0")
    network.host.ip("link set lo up", "link set br0 up", "link set ve-web up", "address add 10.5.0.1/24 dev br0",
                    "address add 10.1.0.2/32 dev ve-web", "address add fe80::2/64 dev br0 nodad",
                    "route add 10.7.0.0/24 via 10.5.0.9")
    for variables in ({"LOCAL_ADDRESS": "10.1.0.2"}, {"LOCAL_ADDRESS": "10.5.0.2"}, {"LOCAL_ADDRESS": "10.7.0.2"},
                      {"LOCAL_ADDRESS6": "fe80::2/64"}, {"LOCAL_ADDRESS6": "fd09::2"}):
        assert network.pre_start(variables).returncode == 0


def test_faults_of_links_and_addresses_are_told_together(network):
    network.add_bridge()
    network.add_pair("lan0", "peer")
    network.host.ip("link set lo up", "address add 10.6.0.1/32 dev lo")
    with network.host.unchanged():
        done = network.pre_start({"EXTRA_VETHS": "br0", "HOST_BRIDGE": "lan0", "LOCAL_ADDRESS": "10.6.0.1/24"})
    assert done.returncode == 78
    assert done.stderr.splitlines() == [
        "pre-start: link br0 is of kind bridge, not a veth, and so not an end of a pair",
        'pre-start: HOST_BRIDGE="lan0": the link is of kind veth, not a bridge',
        f"pre-start: LOCAL_ADDRESS: 10.6.0.1 {TAKEN.format('lo')}"]


def test_names_that_systemd_nspawn_refuses(network):
    for name in ("x_y", "-a", "a-", "a..b"):
        done = network.pre_start({"INSTANCE": name})
        assert (done.returncode, done.stderr) == (
            78, f'pre-start: INSTANCE="{name}": not valid; wanted: 1 to 64 of A-Z a-z 0-9 - in labels with . '
            "between, none with - at an end\n")


def test_warnings(network):
    network.add_bridge()
    done = network.pre_start({**UNIT, "HOST_BRIDGE": "br0", "LOCAL_ADDRESS": "10.1.0.2",
                              "EXTRA_NSPAWN_FLAGS": "--bind=/srv"})
    assert done.returncode == 0
    assert [line.split(":")[1].split()[0] for line in done.stderr.splitlines()] == [
        "LOCAL_ADDRESS", "EXTRA_NSPAWN_FLAGS"]


@pytest.mark.parametrize("variables,wanted_by", [
    ({"HOST_BRIDGE": "late0"}, "HOST_BRIDGE"),
    ({"EXTRA_VETHS": "lan0,HOST_BRIDGE=late0"}, "EXTRA_VETHS: lan0: HOST_BRIDGE"),
    ({"INTERFACES": "lo late0"}, "INTERFACES"),
    ({"MACVLANS": "late0"}, "MACVLANS"),
])
def test_waits_for_links(network, build, variables, wanted_by):
    done = network.pre_start({**variables, "DEVICE_TIMEOUT": "0"})
    assert done.returncode == 75
    assert done.stderr == f"pre-start: no link late0 after 0 s, wanted by {wanted_by}\n"
    started = network.host.start_waiting(
        [build / "pre-start"], {"INSTANCE": "web", "DEVICE_TIMEOUT": str(2 * LONG), **variables},
        stderr=subprocess.PIPE)
    network.add_bridge("late0")
    assert started.communicate(timeout=LONG)[1] == ""
    assert started.returncode == 0


@pytest.mark.parametrize("variable", ["INTERFACES", "MACVLANS"])
def test_does_not_count_on_a_link_that_it_deleted(network, variable):
    network.add_pair("lan0", "lan0")
    done = network.pre_start({"EXTRA_VETHS": "lan0", variable: "lan0", "DEVICE_TIMEOUT": "0"})
    assert done.returncode == 75
    assert f"no link lan0 after 0 s, wanted by {variable}\n" in done.stderr


def test_every_missing_link_is_named(network):
    done = network.pre_start({"HOST_BRIDGE": "br0", "MACVLANS": "lan0 lan1", "DEVICE_TIMEOUT": "0"})
    assert done.returncode == 75
    assert len(done.stderr.splitlines()) == 3


def test_dry_run_deletes_nothing(network):
    network.add_pair("ve-web", "host0")
    with network.host.unchanged():
        done = network.pre_start(PAIR, "--dry-run")
    assert (done.returncode, done.stdout) == (0, "ip link delete dev ve-web\n")
    network.host.ip("link delete dev ve-web")
    assert network.host.links() == set()


EXPORTS = "/run/systemd/nspawn/unix-export"


def with_exports(network, script, build, export=f"{EXPORTS}/web"):
    """With what a killed systemd-nspawn leaves mounted, of two containers."""
    mounts = "".join(f"mkdir -p {path}; mount -n -t tmpfs tmpfs {path}; " for path in (export, f"{EXPORTS}/other"))
    return network.host.run([*PRIVATE_RUN, "sh", "-c", mounts + script, build / "pre-start"],
                            {"INSTANCE": "web", **PAIR})


# The second is that of systemd 262.
@pytest.mark.parametrize("export", [f"{EXPORTS}/web", "/run/systemd/nspawn/web/unix-export"])
def test_unmounts_what_a_killed_nspawn_left(network, build, export):
    """The next one would not start over it. A process that has it open does not keep it there."""
    done = with_exports(network, f'exec <{export}; "$0" && grep unix-export /proc/self/mounts', build, export)
    assert done.stderr == f"pre-start: unmounted {export}, left by an earlier run\n"
    assert [line.split()[1] for line in done.stdout.splitlines()] == [f"{EXPORTS}/other"]


def test_dry_run_unmounts_nothing(network, build):
    done = with_exports(network, '"$0" --dry-run && grep --count unix-export /proc/self/mounts', build)
    assert (done.stdout, done.stderr) == (f"umount --lazy {EXPORTS}/web\n2\n", "")


def test_nothing_to_unmount(network, build):
    """The directory alone, none for the container, and none at all, as before systemd 256."""
    steps = [f"umount -n {EXPORTS}/web", f"rmdir {EXPORTS}/web",
             f"umount -n {EXPORTS}/other && rm -r {EXPORTS}"]
    done = with_exports(network, " && ".join(f'{step} && "$0"' for step in steps), build)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


COPY = ".#machine.web0123456789abcdef"


@pytest.fixture
def copy(tmp_path):
    """What systemd-nspawn leaves of an ephemeral container that is killed: a copy of the root, and its lock."""
    (tmp_path / "web").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").touch()
    left = tmp_path / COPY
    (left / "etc").mkdir(parents=True)
    (left / "etc/hosts").touch()
    (left / "link").symlink_to(tmp_path / "outside")
    (tmp_path / f".#{COPY}.lck").touch()
    return left


def names_in(directory):
    return {path.name for path in directory.iterdir()}


def test_removes_what_a_killed_ephemeral_container_left(network, copy):
    """And what is nobody's, but no other's: of another root, or made by hand."""
    for other in (".#machine.webb0123456789abcdef", ".#machine.web0123456789abcdeg", ".#machine.web", ".#web.lck"):
        (copy.parent / other).mkdir()
    others = names_in(copy.parent) - {COPY, f".#{COPY}.lck"}
    done = network.pre_start({**PAIR, "root": str(copy.parent / "web")})
    assert (done.returncode, done.stderr) == (0, f"pre-start: removed {copy}, left by an earlier run\n")
    assert names_in(copy.parent) == others
    assert (copy.parent / "outside/file").exists()


def test_keeps_a_copy_that_runs(network, copy):
    """systemd-nspawn holds the lock as long as it runs: another container of the same root."""
    before = names_in(copy.parent)
    with open(copy.parent / f".#{COPY}.lck", "r+b") as lock:
        fcntl.fcntl(lock, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        done = network.pre_start({**PAIR, "root": str(copy.parent / "web")})
    assert (done.returncode, done.stderr) == (0, "")
    assert names_in(copy.parent) == before


@pytest.mark.parametrize("mount", ["mount -n -t tmpfs tmpfs $0/etc && touch $0/etc/kept",
                                   "mount -n --bind $0/../outside $0/etc"], ids=["tmpfs", "bind"])
def test_removes_nothing_across_a_mount(network, build, copy, skip_without, mount):
    skip_without("mounts")
    script = f"{mount} && (umask 0; root=$0/../web $1; echo $?; ls $0/etc)"
    done = network.host.run(["unshare", "--mount", "sh", "-c", script, copy, build / "pre-start"],
                            {"INSTANCE": "web", **PAIR})
    assert done.stdout in ("0\nkept\n", "0\nfile\n")
    assert f"pre-start: cannot remove {copy}, left by an earlier run: systemd-tmpfiles" in done.stderr
    assert (copy.parent / "outside/file").exists()


def test_dry_run_removes_no_copy(network, copy):
    done = network.pre_start({**PAIR, "root": str(copy.parent / "web")}, "--dry-run")
    assert done.stdout == f"echo 'R {copy}' | systemd-tmpfiles --remove -\n"
    assert (copy / "etc/hosts").exists()


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_streams(network, build, closed):
    """Nothing that is printed may go to the kernel."""
    network.add_pair("ve-web", "host0")
    done = network.host.run(["sh", "-c", f'"$0" {closed}', build / "pre-start"],
                            {"INSTANCE": "web", **PAIR, **NO_LEAK_CHECK})
    assert done.returncode == 0
    assert network.host.links() == set()


def with_claims(network, build, script):
    """This machine with claims and a record of ours, which are stale, and of others."""
    claims = ("mkdir /run/container-links /run/container-variables && cd /run/container-variables && "
              "touch web other && cd /run/container-links && "
              "ln -s /proc/99999999 ve-web && ln -s /proc/99999999 ve-a-name-thkAN1 && "
              "ln -s /proc/99999999 lan0 && ln -s /proc/1 ve-other && ")
    return network.host.run([*PRIVATE_RUN, "sh", "-c", claims + script, build / "pre-start"],
                            {"INSTANCE": "web", "EXTRA_VETHS": "lan0", **PAIR})


def test_removes_stale_claims(network, build, skip_without):
    skip_without("mounts")
    done = with_claims(network, build, '"$0" && ls . ../container-variables')
    assert (done.returncode, done.stdout, done.stderr) == (
        0, ".:\nve-a-name-thkAN1\nve-other\n\n../container-variables:\nother\n", "")


def test_dry_run_removes_no_claims(network, build, skip_without):
    skip_without("mounts")
    done = with_claims(network, build, '"$0" --dry-run && ls')
    assert done.stdout == ("rm /run/container-links/lan0\nrm /run/container-links/ve-web\n"
                           "rm /run/container-variables/web\n"
                           "lan0\nve-a-name-thkAN1\nve-other\nve-web\n")


def test_dry_run_to_closed_output(network, build):
    network.add_pair("ve-web", "host0")
    done = network.host.run(["sh", "-c", '"$0" --dry-run >&-', build / "pre-start"],
                            {"INSTANCE": "web", **PAIR})
    assert done.returncode == 71
    assert done.stderr == "pre-start: cannot write to standard output: Bad file descriptor\n"


def test_starts_no_process_where_machined_knows_nothing(network, build):
    done = network.host.run(["strace", "-f", "-qq", "-e", "trace=execve,clone,clone3,fork,vfork",
                             build / "pre-start"], {"INSTANCE": "web", **PAIR, **NO_LEAK_CHECK})
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1  # its own execve


def test_executes_the_command_when_the_way_is_clear(network):
    network.add_pair("ve-web", "host0")
    done = network.pre_start(PAIR, "--", "/bin/sh", "-c", "ip -json link show dev ve-web; exit 7")
    assert done.returncode == 7
    assert "does not exist" in done.stderr


def test_command_is_not_searched_in_path(network):
    done = network.pre_start(PAIR, "true")
    assert done.returncode == 127
    assert done.stderr == "pre-start: cannot execute true: No such file or directory\n"


def test_no_command_after_a_fault(network):
    done = network.pre_start({"LOCAL_ADDRESS": "10.1.0"}, "/bin/echo", "executed")
    assert (done.returncode, done.stdout) == (78, "")


def test_dry_run_executes_no_command(network):
    done = network.pre_start(PAIR, "--dry-run", "/bin/echo", "executed")
    assert (done.returncode, done.stdout) == (0, "")


# What the unit sets beyond INSTANCE and root.
UNIT = {"PRIVATE_NETWORK": "1", "PRIVATE_USERS": "pick"}


@pytest.mark.parametrize("variables,status", [
    ({}, 0), (PAIR, 0), ({"PRIVATE_NETWORK": "0"}, 0), ({"HOST_PORT": "80"}, 0),
    ({"HOST_PORT": "80", "PRIVATE_NETWORK": "0"}, 78),
    ({"NETWORK_NAMESPACE_PATH": "/run/netns/blue", "PRIVATE_USERS": "no"}, 0)])
def test_values_of_the_unit(network, variables, status):
    done = network.pre_start({**UNIT, **variables})
    assert done.returncode == status
    assert (done.stderr == "") == (status == 0)


def test_pair_where_the_network_of_the_host_is_asked_for(network):
    done = network.pre_start({**UNIT, **PAIR, "PRIVATE_NETWORK": "0"})
    assert (done.returncode, done.stderr) == (
        0, "pre-start: PRIVATE_NETWORK=0 has no effect: LOCAL_ADDRESS gives the container a network of "
        "its own\n")


def test_users_of_the_unit_with_a_network_namespace(network):
    done = network.pre_start({**UNIT, "NETWORK_NAMESPACE_PATH": "/run/netns/blue"})
    assert done.returncode == 78
    assert done.stderr == (
        'pre-start: NETWORK_NAMESPACE_PATH is set, and PRIVATE_USERS is "pick", the default of '
        "container@.service; wanted: PRIVATE_USERS=no, as a container with a user namespace cannot "
        "join the network namespace of another\n")
