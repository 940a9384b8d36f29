# SPDX-License-Identifier: MIT
"""What make installs: only what it says first, as root, and unless INSTALL_DEPS=no. apt-get is a stub."""

import os
import pathlib
import subprocess

import pytest

TREE = pathlib.Path(__file__).parents[2]
COMPILER = "g++-99"
# "Installs" the compiler, and keeps what it was called with. A link to g++ would not do, where that is
# ccache(1), which looks for a compiler of the name that it is called by.
APT_GET = f"""\
#!/bin/sh
echo "$*" >>"${{0%/*}}/calls"
case $1 in
install)
  printf '#!/bin/sh\\nexec "%s" "$@"\\n' "$(command -v g++)" >"${{0%/*}}/{COMPILER}"
  chmod +x "${{0%/*}}/{COMPILER}"
  ;;
esac
"""
APT_CACHE = """\
#!/bin/sh
case $2 in *-98) exit 0 ;; esac
echo "Package: $2"
"""
COMMAND = f"apt-get install -y --no-install-recommends {COMPILER}"


class Packages:
    def __init__(self, path):
        self.bin = path
        for name, script in (("apt-get", APT_GET), ("apt-cache", APT_CACHE)):
            (path / name).write_text(script)
            (path / name).chmod(0o755)

    def run(self, *command, user=None, **variables):
        environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", "CXX": COMPILER, **variables}
        return subprocess.run([str(word) for word in command], env=environment, cwd=TREE, user=user,
                              capture_output=True, text=True)

    def prerequisites(self, *arguments, **options):
        return self.run("common/deps/prerequisites", *arguments, "make it", "build", **options)

    def calls(self):
        calls = self.bin / "calls"
        return calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def packages(tmp_path):
    """Only where the table's names are the system's."""
    system = pathlib.Path("/etc/os-release").read_text()
    if "debian" not in system and "ubuntu" not in system:
        pytest.skip("packages are installed on Debian and Ubuntu only")
    return Packages(tmp_path)


@pytest.fixture
def root(skip_without):
    skip_without("root")


def test_says_what_it_installs(packages, root):
    done = packages.prerequisites("--install")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"make it needs packages that are missing, installing: {COMPILER}\n"
    assert packages.calls() == [COMMAND.removeprefix("apt-get ")]
    assert packages.prerequisites("--install").stdout == ""


@pytest.mark.parametrize("arguments, variables", [(["--install"], {"INSTALL_DEPS": "no"}), ([], {})],
                         ids=["INSTALL_DEPS=no", "build"])
def test_prints_the_command(packages, arguments, variables):
    done = packages.prerequisites(*arguments, **variables)
    sudo = "" if os.geteuid() == 0 else "sudo "
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"make it needs packages that are missing; this installs them:\n  {sudo}{COMMAND}\n"
    assert packages.calls() == []


def test_a_user_installs_nothing(packages, root, tmp_path):
    for directory in (tmp_path, *tmp_path.parents[:3]):
        directory.chmod(0o755)
    if subprocess.run(["test", "-r", TREE / "Makefile"], user=65534).returncode != 0:
        pytest.skip("this tree cannot be read by other users")
    done = packages.prerequisites("--install", user=65534)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"  sudo {COMMAND}\n" in done.stderr
    assert packages.calls() == []


def test_deps_does_nothing_else(packages, root):
    done = packages.run("make", "--no-print-directory", "deps")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"make deps needs packages that are missing, installing: {COMPILER}\n"


def test_make_passes_on_that_nothing_is_installed(packages):
    done = packages.run("make", "deps", "INSTALL_DEPS=no")
    assert done.returncode == 2
    assert COMMAND in done.stderr
    assert packages.calls() == []


def test_nothing_is_fetched(packages, tmp_path):
    done = packages.run("common/deps/fetch-libmnl", "x86_64-linux-gnu", tmp_path / "libmnl", INSTALL_DEPS="no")
    assert done.returncode == 1
    assert "INSTALL_DEPS=no" in done.stderr and "LIBMNL_A=" in done.stderr
    assert packages.calls() == []


@pytest.mark.parametrize("compiler, package", [
    ("clang++-99", "clang-99"), ("g++-98", None), ("tcc", None)])
def test_the_package_of_a_compiler(packages, compiler, package):
    done = packages.prerequisites(CXX=compiler)
    assert done.returncode == 1
    if package:
        assert done.stderr.endswith(f" {package}\n")
    else:
        assert done.stderr.startswith(f"CXX={compiler}: there is no program {compiler}")
        assert "apt-get install" not in done.stderr
