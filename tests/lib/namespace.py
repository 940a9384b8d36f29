# SPDX-License-Identifier: MIT
"""Network namespaces of a test's own, and what the kernel holds in them as iproute2 reads it."""

import contextlib
import json
import os
import shutil
import subprocess

from container import children_of, sleeps
from waiting import LONG, wait_until

# Without root a user namespace gives the capabilities.
_UNSHARE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
_ENTER = ["nsenter", "--net"] if os.geteuid() == 0 else ["nsenter", "--user", "--preserve-credentials", "--net"]

# The setting is that of the file for sysctl.d(5), without which there is a warning.
_HOLD = "echo 0 >/proc/sys/net/ipv4/conf/all/accept_redirects; echo; exec sleep infinity"

# For a build with sanitizers: leaks cannot be looked for under strace.
NO_LEAK_CHECK = {"ASAN_OPTIONS": "detect_leaks=0"}


class Namespace:
    """A network namespace that lives as long as the object; inside of `parent`'s user namespace."""

    def __init__(self, parent=None):
        enter = parent.enter if parent else []
        unshare = ["unshare", "--net"] if parent else _UNSHARE
        self._holder = subprocess.Popen(
            enter + unshare + ["sh", "-c", _HOLD], stdout=subprocess.PIPE)
        self._holder.stdout.readline()
        self.pid = self._holder.pid
        self.enter = _ENTER + ["--target", str(self.pid), "--"]

    def close(self):
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()

    def run(self, arguments, variables=None, **options):
        """Runs a command inside, with these variables and PATH as its whole environment."""
        environment = {"PATH": os.environ["PATH"], **(variables or {})}
        options = {"capture_output": True, "text": True, "timeout": LONG, "stdin": subprocess.DEVNULL,
                   **options}
        return subprocess.run(self.enter + [str(a) for a in arguments], env=environment, **options)

    def ip(self, *commands):
        """Runs ip(8) commands, all of them in one process; each must succeed."""
        done = subprocess.run(self.enter + ["ip", "-batch", "-"], input="\n".join(commands),
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def ip_json(self, *arguments):
        return json.loads(self.run(["ip", "-json", *arguments]).stdout or "[]")

    def link(self, name):
        """The link as ip(8) details it; None where there is none."""
        links = self.ip_json("-details", "link", "show", "dev", name)
        return links[0] if links else None

    def links(self):
        return {link["ifname"] for link in self.ip_json("link")} - {"lo"}

    def addresses(self, link):
        """ADDR/LEN without the link-local ones that the kernel makes."""
        found = self.ip_json("address", "show", "dev", link)[0]["addr_info"]
        return {f"{a['local']}/{a['prefixlen']}" for a in found
                if not (a["scope"] == "link" and a["local"].startswith("fe80:"))}

    def routes(self):
        """(destination, gateway, link) of the main tables, without those the kernel makes."""
        found = self.ip_json("route") + self.ip_json("-6", "route")
        return {(r["dst"], r.get("gateway"), r["dev"]) for r in found if r.get("protocol") != "kernel"}

    def state(self):
        """All that must not change where nothing is to be changed."""
        links = [(link["ifname"], link.get("master"), link["address"], "UP" in link["flags"])
                 for link in self.ip_json("link")]
        return links, [self.addresses(name) for name, *_ in links], self.routes()

    @contextlib.contextmanager
    def unchanged(self):
        """What is done within must leave the namespace as it was."""
        before = self.state()
        yield
        assert self.state() == before

    def start_waiting(self, arguments, variables, before=(), **options):
        """Starts a program, and gives it once it waits for something; `before` may execute it, or fork
        for it."""
        started = subprocess.Popen(self.enter + [str(a) for a in [*before, *arguments]], text=True,
                                   env={"PATH": os.environ["PATH"], **variables}, **options)
        program = shutil.which(arguments[0])
        wait_until(lambda: started.poll() is not None or any(
            sleeps(process, program) for process in [started.pid, *children_of(started.pid)]))
        assert started.poll() is None
        return started
