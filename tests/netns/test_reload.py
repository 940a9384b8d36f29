# SPDX-License-Identifier: MIT
"""reload, with stubs in the place of the programs that reach a container's service manager."""

import pytest

RELOAD_COMMAND = "/bin/echo 'a b' '$HOME'"


class Reloader:
    """reload for a container "web" that machined knows."""

    def __init__(self, starter):
        self._starter = starter
        machines = starter.run_directory / "systemd/machines"
        machines.mkdir(parents=True)
        self.registered = machines / "web"
        self.registered.touch()
        self.answer("echo running")
        starter.add_program("systemd-run", 'printf "%s|" "$@" >"$0.call"; exit 7')

    def answer(self, script):
        """What asking the service manager for its state comes to."""
        self._starter.add_program("systemctl", script)

    def run(self, variables, *arguments):
        return self._starter.run_command([self._starter.build / "reload", *arguments], variables)

    @property
    def call(self):
        call = self._starter.bin / "systemd-run.call"
        return call.read_text().split("|")[:-1] if call.exists() else None


@pytest.fixture
def reloader(starter):
    return Reloader(starter)


def test_command_and_status(reloader):
    done = reloader.run({"RELOAD_COMMAND": RELOAD_COMMAND})
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")
    options, command = reloader.call[:-4], reloader.call[-4:]
    assert {"--machine=web", "--pipe", "--wait", "--quiet", "--collect", "--setenv=HOME=/root"} < set(options)
    assert command == ["--", "/bin/echo", "a b", "$$HOME"]  # the service manager would expand it


def test_dry_run_prints_the_command(reloader):
    done = reloader.run({"RELOAD_COMMAND": RELOAD_COMMAND}, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert reloader.call is None
    assert done.stdout.startswith("systemd-run --machine=web --unit=container-reload ")
    assert done.stdout.endswith(" -- /bin/echo 'a b' '$$HOME'\n")


def test_system_of_nixos(reloader):
    done = reloader.run({"SYSTEM_PATH": "/nix/store/system"})
    assert done.returncode == 7
    assert reloader.call[-3:] == ["--", "/nix/store/system/bin/switch-to-configuration", "test"]


@pytest.mark.parametrize("answer", ["exit 1", "echo offline; exit 1", "exec sleep infinity"])
def test_service_manager_that_does_not_answer(reloader, answer):
    reloader.answer(answer)
    done = reloader.run({"RELOAD_COMMAND": RELOAD_COMMAND})
    assert (done.returncode, done.stdout, reloader.call) == (69, "", None)
    assert done.stderr == ("reload: the service manager of container web does not answer: it must be systemd, "
                           "with the system bus of D-Bus; systemctl restart applies everything\n")


def test_container_that_does_not_run(reloader):
    reloader.registered.unlink()
    done = reloader.run({"RELOAD_COMMAND": RELOAD_COMMAND})
    assert (done.returncode, done.stdout, reloader.call) == (71, "", None)
    assert done.stderr == "reload: systemd-machined knows no container web: is it running?\n"


def test_faults_come_before_anything_is_asked(reloader):
    done = reloader.run({"RELOAD_COMMAND": "true", "SYSTEM_PATH": "x", "LOCAL_ADDRESS": "10.1.0"})
    assert (done.returncode, reloader.call) == (78, None)
    assert [line.partition("=")[0] for line in done.stderr.splitlines()] == [
        "reload: LOCAL_ADDRESS", "reload: SYSTEM_PATH", "reload: RELOAD_COMMAND"]
