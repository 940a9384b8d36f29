# SPDX-License-Identifier: MIT
"""The programs do what the scripts of the containers module of nixpkgs do, for containers that between
them use every option. Where they differ it is here, by name and with the reason."""

import functools
import re

import pytest

import behaviour
from evaluation import HERE
from world import PROGRAMS

# (side, part, pattern of the item, containers or None for all, reason)
DIFFERENCES = [
    ("scripts", "nspawn", r"--setenv=\w+=", None, "an empty variable counts as not set"),
    ("scripts", "nspawn", r"--setenv=(PRIVATE_NETWORK|PRIVATE_USERS|HOST_PORT)=.+", None,
     "nothing in the container reads it"),
    ("scripts", "nspawn", r"--network-veth", {"bridge"}, "--network-bridge= implies it"),
    ("scripts", "nspawn", r"/nix/store/\w{32}-container-init", None, "the script itself"),
    ("programs", "nspawn", f"{PROGRAMS}/container-init", None, "the program itself"),
    ("programs", "nspawn", r"--setenv=WAIT_CARRIER=10", None, "container-init waits for the host's end"),
    ("programs", "nspawn", r"--setenv=EXTRA_VETHS=.+", {"extra-pairs", "extra-alone"},
     "the script has the extra pairs in its text"),
    ("scripts", "nspawn", r"--setenv=PATH=.+", {"flake-made"}, "the script has the path of nixos-container"),
    ("programs", "nspawn", r"--setenv=PATH=.+-nixos-container-.+", {"flake-made"},
     "start finds nixos-container in PATH"),

    ("scripts", "nspawn", r"--bind-ro=/srv/my|data:/data", {"white-space"}, "the script splits a path at white space"),
    ("programs", "nspawn", r"--bind-ro=/srv/my data:/data", {"white-space"}, "a bind mount is one flag"),

    ("programs", "nspawn", r"--private-users-ownership=auto", {"users-number"},
     "the files of the root belong to users of the container, as with pick"),
    ("programs", "nspawn", r"--settings=yes", None, "the default of systemd-nspawn, which the script leaves out"),

    ("programs", "host", r"sysctl net/ipv[46]/conf/[\w-]+/(accept_ra|autoconf|accept_redirects)=0", None,
     "the host's end takes no Router Advertisements and no redirects"),
    ("programs", "host", r"(directory|claim) /run/container-links(/[\w-]+)?", None,
     "the host's ends are claimed, so that a manager of networks leaves them alone"),
    ("programs", "host", r"(directory|mode|record) /run/container-variables(/[\w-]+)?( 700)?", None,
     "what a container runs with is kept, so that a reload finds the differences"),
    ("programs", "host", r"remove /(var/lib|run)/nixos-containers/[\w-]+/etc/resolv.conf", None,
     "cp does the same by --remove-destination"),
    ("scripts", "host", r"(directory|mode) /run/nixos-containers( 700)?", None,
     "a rule of systemd-tmpfiles makes it"),
    ("programs", "host", r"(directory|mode) /nix/var/nix/(profiles|gcroots)/per-container( 700)?", None,
     "no user of the host reaches what a container makes there"),
    ("programs", "host", r"(directory|mode) /run/containers( 700)?", None,
     "the directory for such roots on other systems"),
    ("programs", "host", r"(directory|mode) /var/lib/nixos-containers( 700)?", None,
     "the parent of roots, where it is missing, is not for users of the host"),
    ("programs", "host", r"(directory|mode) /(var/lib|run)/nixos-containers/[\w-]+( 755)?", None,
     "the root has its mode from the start, whatever the umask"),
    ("programs", "host", r"mode /(var/lib|run)/nixos-containers/[\w-]+/usr/bin 755", None,
     "so has usr/bin"),
    ("programs", "host", r"delete v[eb]-(bridge-only|mac-only)", {"bridge-only", "mac-only"},
     "the script leaves the links of an earlier run"),
    ("programs", "host", r"(master|up) vb-(bridge|bridge-only)( br0)?", {"bridge", "bridge-only"},
     "systemd-nspawn has done it; post-start does it again after a bridge was recreated"),
    ("programs", "host", r"up ve-mac-only", {"mac-only"}, "the script leaves the link down"),
    ("scripts", "host", r"route ve-networks (10\.2\.0\.2/24|fd02::2/64)", {"networks"},
     "the kernel refuses a route to a network with host bits"),
    ("programs", "host", r"route ve-networks (10\.2\.0\.0/24|fd02::/64)", {"networks"},
     "a route to the network"),

    ("programs", "container", r"mac lan0 02:00:00:00:00:03", {"extra-pairs"},
     "the script ignores the MAC address of an extra pair"),
    ("scripts", "container", r"(default route|route eth0) (10\.1\.0\.1/24|fd01::1/64)", {"networks"},
     "the kernel refuses a route to a network with host bits, and a gateway with a length"),
    ("programs", "container", r"(default route (10\.1\.0\.1|fd01::1))|route eth0 (10\.1\.0\.0/24|fd01::/64)",
     {"networks"}, "a route to the network, and a default route by the address"),
]

CONTAINERS = re.findall(r"^    ([\w-]+)(?:\.config)? = ",
                        (HERE / "containers.nix").read_text().partition("containers = {")[2], re.MULTILINE)


def reasons(side, part, item, instance):
    """Why only this side has the item."""
    text = item if isinstance(item, str) else " ".join(item)
    return [reason for where, what, pattern, instances, reason in DIFFERENCES
            if (where, what) == (side, part) and (not instances or instance in instances)
            and re.fullmatch(pattern, text)]


def differences(scripts, programs):
    """(side, part, item) of all that only one side has."""
    found = []
    for part in ("nspawn", "host", "container"):
        theirs, ours = getattr(scripts, part), getattr(programs, part)
        found += [("scripts", part, item) for item in theirs if item not in ours]
        found += [("programs", part, item) for item in ours if item not in theirs]
    return found


def without_variables(arguments, others):
    """The arguments that are in both, in their order; that of variables has no meaning."""
    return [a for a in arguments if a in others and not a.startswith("--setenv=")]


@pytest.fixture(scope="module")
def compare(nix, stock, ours, world):
    """What the scripts do and what the programs do for a container."""
    @functools.cache
    def both(instance):
        extra_links = {"extra-pairs": ["lan0", "db0", "empty0"], "extra-alone": ["ext0"]}.get(instance, [])
        with world.left_behind(instance, extra_links):
            scripts = behaviour.of_scripts(world, nix, stock, instance)
        with world.left_behind(instance, extra_links):
            return scripts, behaviour.of_programs(world, ours, instance)
    return both


@pytest.mark.parametrize("instance", CONTAINERS)
def test_programs_do_what_the_scripts_do(instance, compare):
    scripts, programs = compare(instance)
    assert [one for one in differences(scripts, programs) if not reasons(*one, instance)] == []
    assert (without_variables(scripts.nspawn, programs.nspawn)
            == without_variables(programs.nspawn, scripts.nspawn))


def test_every_difference_occurs(compare):
    met = {reason for instance in CONTAINERS for one in differences(*compare(instance))
           for reason in reasons(*one, instance)}
    assert {entry[-1] for entry in DIFFERENCES} - met == set()


def test_the_containers_use_every_option(nix, stock):
    used = nix.evaluate("--expr", f"""
        let containers = builtins.attrValues (import {HERE}/containers.nix).containers;
        in builtins.attrNames (builtins.foldl' (all: one: all // one) {{ }} containers)""")
    # Removed from the module; a mention of it is an error.
    assert set(stock.options) - set(used) == {"_module", "pkgs"}


def test_every_container_is_compared(stock):
    assert {f"container@{name}.service" for name in ["", *CONTAINERS]} == set(stock.units)
