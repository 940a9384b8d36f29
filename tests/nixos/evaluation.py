# SPDX-License-Identifier: MIT
"""NixOS configurations, evaluated, and what systemd reads of the result."""

import json
import os
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
MODULE = HERE.parent.parent / "hooks/nixos"
FLAKES = ["--option", "experimental-features", "nix-command flakes"]


class EvaluationError(Exception):
    pass


class Nix:
    """nix-instantiate with a store and a state of its own, below `directory`."""

    def __init__(self, directory):
        self._directory = directory

    def evaluate(self, *arguments):
        """The value of an expression; what the evaluation prints where it fails."""
        directory = self._directory
        done = subprocess.run(
            ["nix-instantiate", "--store", directory / "store", "--eval", "--read-write-mode",
             "--strict", "--json", *map(str, arguments)],
            env={"PATH": os.environ["PATH"], "HOME": str(directory), "NIX_STATE_DIR": str(directory / "state")},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise EvaluationError(done.stderr)
        return json.loads(done.stdout)

    def build(self, *arguments):
        """The path that a derivation is built at."""
        return pathlib.Path(self._in_own_store("nix-build", "--no-out-link", *arguments).strip())

    def flake(self, *arguments):
        """What `nix flake` prints."""
        return self._in_own_store("nix", *FLAKES, "flake", *arguments)

    def _in_own_store(self, *command):
        """What a command prints. What it builds names no other store, so that it needs no sandbox."""
        directory = self._directory / "own"
        variables = {f"NIX_{name}_DIR": str(directory / name.lower()) for name in ("STORE", "STATE", "LOG", "CONF")}
        done = subprocess.run(
            [*map(str, command), "--option", "sandbox", "false", "--option", "build-users-group", "",
             "--option", "substitute", "false"],
            env={"PATH": os.environ["PATH"], "HOME": str(directory), **variables},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1800)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def store_file(self, path):
        """A file that the evaluation wrote to /nix/store."""
        return self._directory / "store" / path.lstrip("/")


class System:
    """A configuration evaluated with the modules of a nixpkgs tree."""

    def __init__(self, nix, nixpkgs, configuration, *arguments):
        found = nix.evaluate(HERE / "evaluate.nix", "--arg", "nixpkgs", nixpkgs,
                             "--arg", "configuration", configuration, *arguments)
        self.units = found["units"]
        self.etc = found["etc"]
        self.warnings = found["warnings"]
        self.sysctl = found["sysctl"]
        self.faults = found["faults"]
        self.checks = found["checks"]
        self.tmpfiles = found["tmpfiles"]
        self.network = found["network"]
        self.packages = found["packages"]
        self.hosts = found["hosts"]
        self.options = found["options"]
        self.manual = found["manual"]

    def unit(self, instance):
        """The unit of a container, or "" for the template."""
        return Unit(self.units[f"container@{instance}.service"], instance)

    def file(self, instance, directory="nixos-containers"):
        return self.etc[f"{directory}/{instance}.conf"]

    def variables(self, instance):
        """The environment of the unit's programs."""
        return {**self.unit(instance).environment, **read_environment_file(self.file(instance))}


class Unit:
    """The [Service] section of a unit."""

    def __init__(self, text, instance):
        self.text = text
        self._instance = instance

    def all(self, key):
        """The values of a key, specifiers replaced."""
        found = re.findall(rf"^{key}=(.*)$", self.text, re.MULTILINE)
        return [value.replace("%i", self._instance).strip() for value in found]

    def one(self, key):
        values = self.all(key)
        assert len(values) == 1, (key, values)
        return values[0]

    @property
    def environment(self):
        return dict(json.loads(assignment).split("=", 1) for assignment in self.all("Environment"))


def module(*definitions, imports=(MODULE,)):
    """A configuration with the module in use."""
    return (f"{{ imports = [ {' '.join(map(str, imports))} ]; "
            f"config = {{ virtualisation.container-init.enable = true; {' '.join(definitions)} }}; }}")


def configuration(*definitions):
    return f"{{ {' '.join(definitions)} }}"


def read_environment_file(text):
    """The variables that systemd reads from an EnvironmentFile= (env-file.c)."""
    variables = {}
    rest = text
    while rest:
        line = re.match(r"[ \t]*([A-Za-z_][A-Za-z0-9_]*)=", rest)
        if not line:
            rest = rest.partition("\n")[2]
            continue
        variables[line[1]], rest = _read_value(rest[line.end():])
    return variables


def _read_value(text):
    """A value, and the text after its line."""
    value, mode, kept, i = "", "before", 0, 0
    while i < len(text):
        c = text[i]
        i += 1
        if mode in ("before", "plain") and c == "\n":
            break
        if mode == "before" and c in " \t":
            continue
        if mode == "before" and c in "\"'":
            mode = c
        elif mode in ("before", "plain") and c == "\\":
            value, mode = value + text[i:i + 1].replace("\n", ""), "plain"
            kept, i = len(value), i + 1
        elif mode in ("before", "plain"):
            value, mode = value + c, "plain"
            kept = kept if c in " \t" else len(value)
        elif c == mode:
            mode, kept = "before", len(value)
        elif mode == '"' and c == "\\":
            following, i = text[i:i + 1], i + 1
            value += following if following in "\"\\`$" else "" if following == "\n" else "\\" + following
        else:
            value += c
    return value[:kept] if mode == "plain" else value, text[i:]
