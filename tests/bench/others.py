# SPDX-License-Identifier: MIT
"""What other container networks run for a pair with IPv4 and IPv6.

Each has a remark on what it does more or less than container-init and post-start do together, and gives the
call that adds or deletes a container, whose namespace is a path, as (command, variables, standard input).
"""

import ipaddress
import json
import os
import re
import shutil
import subprocess

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WHERE = {"ptp": "/usr/lib/cni:/usr/libexec/cni:/opt/cni/bin",
         "netavark": "/usr/lib/podman:/usr/libexec/podman:/usr/local/lib/podman:/usr/local/libexec/podman"}


class Ptp:
    """The pair of CNI, whose plugins Kubernetes uses. Its plugin `static` gives out fixed addresses."""

    program, case = "ptp", "dual-stack"
    remark = ("more: the pair, forwarding, a process that tells the addresses; "
              "less: the host's link has a random name\n"
              "duplicate address detection is off, for which it waits 1 to 2 s; it looks every 50 ms for its end")

    def __init__(self, path, version, own):
        self._path, self.version = path, version
        self._input = json.dumps({"cniVersion": "0.4.0", "name": "bench", "type": "ptp", "ipam": {
            "type": "static",
            "addresses": [{"address": own["LOCAL_ADDRESS"] + "/24", "gateway": own["HOST_ADDRESS"]},
                          {"address": own["LOCAL_ADDRESS6"] + "/64", "gateway": own["HOST_ADDRESS6"]}],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}})

    def call(self, container, delete=False):
        variables = {"PATH": PATH, "CNI_PATH": os.path.dirname(self._path), "CNI_CONTAINERID": "web",
                     "CNI_NETNS": container, "CNI_IFNAME": "eth0", "CNI_COMMAND": "DEL" if delete else "ADD"}
        return [self._path], variables, self._input


class Netavark:
    """The network of Podman."""

    program = "netavark"

    def __init__(self, path, version, own, firewall):
        self._path, self.version, self._variables = path, version, {"PATH": PATH}
        self.case = "dual-stack" if firewall else "dual-stack, no firewall"
        self.remark = "more: the pair, a bridge, forwarding" + (", a firewall, address translation" if firewall else "")
        # Before 1.6 only a network that leads nowhere has no firewall.
        internal = not firewall and tuple(map(int, re.findall(r"\d+", version)[:2])) < (1, 6)
        if internal:
            self.remark += ", two processes that tell the version of iptables; less: no default routes"
        elif not firewall:
            self._variables["NETAVARK_FW"] = "none"
        network = {"name": "bench", "id": "bench", "driver": "bridge", "network_interface": "br-bench",
                   "subnets": [subnet(own["HOST_ADDRESS"], 24), subnet(own["HOST_ADDRESS6"], 64)],
                   "ipv6_enabled": True, "internal": internal, "dns_enabled": False,
                   "ipam_options": {"driver": "host-local"}}
        end = {"interface_name": "eth0", "static_ips": [own["LOCAL_ADDRESS"], own["LOCAL_ADDRESS6"]]}
        self._input = json.dumps({"container_id": "web", "container_name": "web",
                                  "networks": {"bench": end}, "network_info": {"bench": network}})

    def call(self, container, delete=False):
        command = [self._path, "--config", "/run", "teardown" if delete else "setup", container]
        return command, self._variables, self._input


def subnet(gateway, length):
    return {"subnet": str(ipaddress.ip_interface(f"{gateway}/{length}").network), "gateway": gateway}


def version_of(path):
    """As the program says, else as its Debian package does."""
    said = subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True).stdout
    version = said.partition("\n")[0].rpartition(" ")[2]
    if not re.match(r"v?\d", version) and shutil.which("dpkg-query"):
        def query(*arguments):
            return subprocess.run(["dpkg-query", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  text=True).stdout
        version = query("-Wf${Version}", query("-S", path).partition(":")[0]) or version
    return version


def installed(own):
    """Those that are, for the addresses of `own`, and the names of those that are not."""
    paths = {name: shutil.which(name, path=where) for name, where in WHERE.items()}
    found = []
    if path := paths["ptp"]:
        found.append(Ptp(path, version_of(path), own))
    if path := paths["netavark"]:
        version = version_of(path)
        found += [Netavark(path, version, own, firewall) for firewall in (True, False)]
    return found, [name for name, path in paths.items() if not path]
