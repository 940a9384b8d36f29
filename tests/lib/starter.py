# SPDX-License-Identifier: MIT
"""start with a stub in the place of systemd-nspawn, on a machine that a test may change."""

import os
import pathlib
import shutil
import subprocess

from waiting import wait_until

# Keeps what it was started with beside itself, then does what the test wants.
STUB = """\
#!/bin/sh
printf '%s\\0' "$@" >"$0.arguments"
env -0 >"$0.environment"
: >"$0.called"
. "$0.action"
"""

# This machine with another /run and /etc: mount(8) itself writes to /run, unless -n.
PRIVATE_HOST = ["unshare", "--mount", "sh", "-c",
                'mount -n --bind "$1" /etc && mount -n --bind "$2" /run && shift 2 && exec "$@"',
                "sh"]

# And without a /nix that this machine may have.
WITHOUT_NIX = ["sh", "-c", '[ ! -d /nix ] || mount -n -t tmpfs tmpfs /nix; exec "$@"', "sh"]

# Or with another /nix, for which there is no place to mount it at: a directory $1 is the new root.
PRIVATE_NIX = ["unshare", "--mount", "sh", "-ec", """\
mount -n -t tmpfs tmpfs "$1"
mkdir "$1/nix"
for entry in /*; do
  if [ -L "$entry" ]; then cp -P "$entry" "$1"
  elif [ -d "$entry" ] && [ "$entry" != /nix ]; then
    mkdir "$1$entry"
    mount -n --rbind "$entry" "$1$entry"
  fi
done
mount -n --bind "$2" "$1/nix"
new=$1
shift 2
exec chroot "$new" "$@"
""", "sh"]


def tree(path):
    """Every entry below a directory, with mode, owner and content."""
    found = {}
    for entry in [path, *sorted(path.rglob("*"))]:
        status = entry.lstat()
        content = (os.readlink(entry) if entry.is_symlink() else
                   entry.read_text() if entry.is_file() else None)
        found[str(entry.relative_to(path))] = (oct(status.st_mode), status.st_uid, content)
    return found


class Starter:
    """Runs start for a container "web"."""

    def __init__(self, network, build, path):
        self.network = network
        self.build = build
        self.root = path / "root"
        self.run_directory = path / "run"
        self.etc = path / "etc"
        self.bin = path / "bin"
        for directory in (self.run_directory, self.etc, self.bin):
            directory.mkdir()
        self.resolv_conf = self.etc / "resolv.conf"
        self.resolv_conf.write_text("nameserver 192.0.2.1\n")
        (self.root / "sbin").mkdir(parents=True)
        (self.root / "sbin/init").touch()
        self._stub = self.bin / "systemd-nspawn"
        self.be_stub(STUB)
        self.act("")
        self._new_root = path / "new-root"
        self.nix = None
        if pathlib.Path("/nix").exists() and not shutil.which("sh").startswith("/nix"):
            self.add_nix()
        self._started = []

    def be_stub(self, text):
        self._stub.write_text(text)
        self._stub.chmod(0o755)

    def act(self, script):
        """What the stub does once it has said how it was started."""
        pathlib.Path(f"{self._stub}.action").write_text(script)

    def environment(self, variables):
        return {"INSTANCE": "web", "root": str(self.root),
                "PATH": f"{self.bin}:{os.environ['PATH']}", **variables}

    def command(self, *command):
        private = [*PRIVATE_HOST, self.etc, self.run_directory]
        if self.nix:
            return [*PRIVATE_NIX, self._new_root, self.nix, *private, *command]
        return [*private, *WITHOUT_NIX, *command]

    def add_nix(self, *entries):
        """Directories below /nix, where nothing of this machine's own is seen."""
        if not self.nix:
            self.nix = self.bin.parent / "nix"
            self.nix.mkdir()
            self._new_root.mkdir()
        for entry in entries:
            (self.nix / entry).mkdir(parents=True)

    def add_program(self, name, script):
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def run_command(self, command, variables=None):
        return self.network.host.run(self.command(*command), self.environment(variables or {}))

    def run(self, variables=None, *arguments):
        return self.run_command([self.build / "start", *arguments], variables)

    def start(self, variables=None, before=(), **options):
        """Runs until it is ended; gives the process that is systemd-nspawn once it is called."""
        command = self.network.host.enter + [str(word) for word in
                                             self.command(*before, self.build / "start")]
        started = subprocess.Popen(command, env=self.environment(variables or {}), text=True,
                                   stdin=subprocess.DEVNULL, **options)
        self._started.append(started)
        wait_until(lambda: self.called or started.poll() is not None)
        return started

    def close(self):
        for started in self._started:
            started.kill()
            started.wait()

    def _words(self, name):
        text = pathlib.Path(f"{self._stub}.{name}").read_text()
        return text.split("\0")[:-1]

    def kept(self, name):
        """What the stub wrote to "$0.NAME"."""
        return pathlib.Path(f"{self._stub}.{name}").read_text()

    @property
    def called(self):
        return pathlib.Path(f"{self._stub}.called").exists()

    @property
    def arguments(self):
        return self._words("arguments")

    @property
    def stub_environment(self):
        return dict(word.split("=", 1) for word in self._words("environment"))

    def forget(self):
        for name in ("arguments", "environment", "called"):
            pathlib.Path(f"{self._stub}.{name}").unlink()

    def waiters(self):
        """The processes of the program start in the host's network."""
        own = os.readlink(f"/proc/{self.network.host.pid}/ns/net")
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (os.path.samefile(process / "exe", self.build / "start")
                        and os.readlink(process / "ns/net") == own):
                    found.append(process)
            except OSError:  # another one's, or ended
                continue
        return found
