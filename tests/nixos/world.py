# SPDX-License-Identifier: MIT
"""A host to run a container's units on: a root with the evaluated scripts and the programs in its
/nix/store, and recorders in the place of the tools that the scripts call."""

import contextlib
import re
import shutil
import subprocess

STORE = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-"
TOOLS = {
    "/tools/systemd/bin": ["systemd-nspawn", "machinectl"],
    STORE + "iproute2/bin": ["ip"],
    STORE + "coreutils/bin": ["mkdir", "chmod", "touch", "cp"],
    STORE + "nixos-container-var-lib-nixos-containers-etc-nixos-containers/bin": ["nixos-container"],
}
PROGRAMS = STORE + "container-init/libexec/container-init"

# Writes its name and its arguments as one record.
RECORDER = """#!/bin/sh
{ printf '%s' "${0##*/}"; [ $# = 0 ] || printf '\\037%s' "$@"; printf '\\036'; } >>/record
"""

# Makes the system, as the real one does.
UPDATE = """path=/nix/var/nix/profiles/per-container/$2/system
/bin/mkdir -p $path
echo x86_64-linux >$path/system
"""

ENTER = """set -e
for name in usr proc dev; do mkdir -p $0/$name; mount --rbind /$name $0/$name; done
echo
exec chroot $0 sleep infinity
"""


class World:
    def __init__(self, root, build):
        self._root = root
        self._make_files(build)
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "--propagation=private", "sh", "-c", ENTER, root],
            stdout=subprocess.PIPE)
        self._holder.stdout.readline()
        self._enter = [shutil.which("nsenter"), "--mount", "--net", "--target", str(self._holder.pid)]

    def close(self):
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()

    def _make_files(self, build):
        for name in ("bin", "sbin", "lib", "lib64"):
            (self._root / name).symlink_to(f"usr/{name}")
        for directory, names in TOOLS.items():
            for name in names:
                self.write(f"{directory}/{name}", RECORDER + (UPDATE if name == "nixos-container" else ""))
        for name in ("pre-start", "start", "post-start", "reload", "container-init"):
            self._copy(build / name, f"{PROGRAMS}/{name}")
        self.write("/etc/resolv.conf", "nameserver 192.0.2.53\n")
        # Is sourced in the place of the system's init.
        self.write(f"{STORE}nixos-system/init", "")
        self.write(f"{STORE}nixos-system/system", "x86_64-linux")
        self.write("/nix/var/nix/profiles/system/init", "")
        for directory in ("/nix/var/nix/db", "/nix/var/nix/daemon-socket"):
            self._path(directory).mkdir(parents=True)

    def _path(self, path):
        return self._root / path.lstrip("/")

    def _copy(self, source, path):
        self._path(path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, self._path(path))

    def write(self, path, text):
        self._path(path).parent.mkdir(parents=True, exist_ok=True)
        self._path(path).write_text(text)
        self._path(path).chmod(0o755)

    def add_script(self, nix, path):
        """A script of the evaluation; a job script's text is the file that stands for its package."""
        file = re.match(r"/nix/store/[^/]+", path)[0]
        text = nix.store_file(file).read_text()
        if not self._path(path).exists():
            self.write(path, text)
        for inner in re.findall(r"/nix/store/\w{32}-container-init(?=[ \n])", text):
            self.write(inner, nix.store_file(inner).read_text())

    @contextlib.contextmanager
    def left_behind(self, instance, extra_links):
        """As a run that did not end in the ordinary way leaves it: a machine and links."""
        machine = f"/run/systemd/machines/{instance}"
        self.write(machine, "")
        links = ["old-ve", "old-vb", *extra_links]
        container = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
        container.stdout.readline()
        self._ip(*(f"link add {name} type veth peer name in{i} netns {container.pid}" for i, name in enumerate(links)),
                 f"link property add dev old-ve altname ve-{instance}",
                 f"link property add dev old-vb altname vb-{instance}")
        try:
            yield
        finally:
            self._ip(*(f"link delete {name}" for name in links))
            container.kill()
            container.communicate()
            self._path(machine).unlink()
            shutil.rmtree(self._path("/nix/var/nix/profiles/per-container"), ignore_errors=True)

    def add_bridges(self, *names):
        self._ip(*(f"link add {name} type bridge" for name in names))

    def _ip(self, *commands):
        subprocess.run([*self._enter, "ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)

    def _run(self, arguments, environment):
        return subprocess.run([*self._enter, "--root", "--wdns=/", *arguments], env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def run(self, arguments, environment):
        """What a command prints; it must succeed."""
        done = self._run(arguments, environment)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def status(self, arguments, environment):
        """The exit status of a command, and its messages."""
        done = self._run(arguments, environment)
        return done.returncode, done.stderr

    def record(self, arguments, environment):
        """The commands that a script runs, each a list of words."""
        record = self._path("/record")
        record.write_text("")
        self.run(arguments, environment)
        return [entry.split("\037") for entry in record.read_text().split("\036")[:-1]]
