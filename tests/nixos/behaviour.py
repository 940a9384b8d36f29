# SPDX-License-Identifier: MIT
"""What a unit does when its container starts: arguments of systemd-nspawn, and facts about what is done
on the host and in the container, the same for recorded scripts and for printed plans."""

import ipaddress
import shlex

from world import PROGRAMS


class Behaviour:
    def __init__(self, nspawn, host, container):
        self.nspawn = nspawn
        self.host = host
        self.container = container


def of_scripts(world, nix, system, instance):
    unit, variables = system.unit(instance), system.variables(instance)
    commands = []
    for key in ("ExecStartPre", "ExecStart", "ExecStartPost"):
        script = unit.one(key)
        world.add_script(nix, script)
        commands += world.record([script], variables)
    nspawn = next(command for command in commands if command[0] == "systemd-nspawn")
    arguments = join_setenv(nspawn[1:])
    inside = world.record(arguments[-2:], passed_variables(arguments))
    return Behaviour(arguments, facts(commands), facts(inside))


def of_programs(world, system, instance):
    variables = system.variables(instance)
    printed = [world.run([f"{PROGRAMS}/{name}", "--dry-run"], variables)
               for name in ("pre-start", "start")]
    commands = [command for text in printed for command in read_commands(text)]
    nspawn = next(command for command in commands if "systemd-nspawn" in command)
    arguments = nspawn[nspawn.index("systemd-nspawn") + 1:]
    inside = world.run([arguments[-2], "--dry-run", arguments[-1]], passed_variables(arguments))
    return Behaviour(arguments, facts(commands), facts(read_commands(inside)))


def read_commands(text):
    commands, line = [], ""
    for part in text.replace("\\\n", "").splitlines(keepends=True):
        line += part
        if line.strip() and not line.startswith("#"):
            try:
                commands.append(shlex.split(line))
            except ValueError:  # a quote that is closed on another line
                continue
        line = ""
    assert not line
    return commands


def join_setenv(arguments):
    """--setenv NAME=VALUE as one argument, as start passes it."""
    joined = []
    for argument in arguments:
        if joined and joined[-1] == "--setenv":
            joined[-1] = f"--setenv={argument}"
        else:
            joined.append(argument)
    return joined


def passed_variables(arguments):
    assignments = [a.removeprefix("--setenv=") for a in arguments if a.startswith("--setenv=")]
    return dict(assignment.split("=", 1) for assignment in assignments)


def facts(commands):
    return {fact for command in commands for fact in FACTS[command[0]](command[1:])}


def _directories(arguments):
    """mkdir -p [-m MODE] PATH... and install -d -m MODE PATH..."""
    words = [word for word in arguments if word not in ("-p", "-d")]
    mode = words.index("-m") if "-m" in words else None
    paths = words if mode is None else words[:mode] + words[mode + 2:]
    made = [("directory", path.rstrip("/")) for path in paths]
    return made + ([] if mode is None else [("mode", path.rstrip("/"), words[mode + 1].lstrip("0")) for path in paths])


def _modes(arguments):
    return [("mode", path, arguments[0].lstrip("0")) for path in arguments[1:]]


def _ip(arguments):
    words = [word for word in arguments if word not in ("-6", "nodad")]
    subject, verb, rest = words[0], words[1], words[2:]
    if subject == "link" and verb == "set":
        return _link_set(rest)
    if subject == "link" and verb in ("del", "delete"):
        return [("delete", rest[-1])]
    if subject in ("addr", "address"):
        return [("address", rest[2], str(ipaddress.ip_interface(rest[0])))]
    if subject == "route" and rest[0] == "default":
        return [("default route", rest[2])]
    assert subject == "route" and verb == "add", arguments
    return [("route", rest[2], rest[0])]


def _link_set(words):
    words = words[1:] if words[0] == "dev" else words
    link, rest = words[0], words[1:]
    done = []
    while rest:
        if rest[0] == "up":
            done.append(("up", link))
            rest = rest[1:]
        else:
            done.append(({"address": "mac"}.get(rest[0], rest[0]), link, rest[1]))
            link = rest[1] if rest[0] == "name" else link
            rest = rest[2:]
    return done


FACTS = {
    "ip": _ip,
    "mkdir": _directories,
    "install": _directories,
    "chmod": _modes,
    "touch": lambda paths: [("file", path) for path in paths],
    # A first line, and the file: echo LINE | cat - FILE >COPY
    "echo": lambda arguments: [("copy", arguments[4], arguments[5][1:])],
    "cp": lambda arguments: [("copy", *arguments[1:])],
    "machinectl": lambda arguments: [("machine", *arguments)],
    "nixos-container": lambda arguments: [("nixos-container", *arguments)],
    "systemd-nspawn": lambda arguments: [],
    # Words, and the file: printf '%s\0' WORD... >FILE
    "printf": lambda arguments: [("record", arguments[-1][1:])],
    "ln": lambda arguments: [("claim", arguments[-1])],
    "rm": lambda arguments: [("remove", path) for path in arguments if path != "-f"],
    "sysctl": lambda arguments: [("sysctl", arguments[-1])],
    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1": lambda arguments: [],
}
