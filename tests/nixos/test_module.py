# SPDX-License-Identifier: MIT
"""The module beside what a configuration has already: nothing else of it changes."""

import re
import shutil

import pytest

from evaluation import HERE, MODULE, EvaluationError, configuration, module, read_environment_file
from world import PROGRAMS

TOP = MODULE.parent.parent
PACKAGE = PROGRAMS.removesuffix("/libexec/container-init")
START = f"{PROGRAMS}/pre-start {PROGRAMS}/start"
WEB = 'containers.web = { config = { }; privateNetwork = true; hostAddress = "10.0.0.1"; localAddress = "10.0.0.2"; };'
OURS = {"ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "RestartPreventExitStatus", "RuntimeDirectory",
        "SyslogLevelPrefix"}


def addition(text):
    return f'systemd.services."container@web" = {{ lib, ... }}: {{ {text} }};'


def variables(text):
    return f"containers.web.container-init.variables = {{ {text} }};"


@pytest.fixture(scope="module")
def unit_with(evaluate):
    """The unit of a container with the module and an addition of the configuration."""
    return lambda text: evaluate(module(WEB, addition(text))).unit("web")


@pytest.fixture
def script(nix):
    """The text of a script that a unit runs, without its first lines, which the evaluation gives it."""
    def text(path):
        return nix.store_file(re.match(r"/nix/store/[^/]+", path)[0]).read_text().partition("pipefail\n\n")[2]
    return text


def changed_lines(before, after):
    return {line.partition("=")[0] for line in set(before.splitlines()) ^ set(after.splitlines())}


# What changes, and what does not


def test_only_the_commands_of_a_unit_change(stock, ours):
    changed = {name: changed_lines(stock.units[name], ours.units[name]) for name in stock.units}
    # The template and flake-made: nixos-container in PATH.
    environment = {name for name, keys in changed.items() if "Environment" in keys}
    assert environment == {"container@.service", "container@flake-made.service"}
    assert {key for keys in changed.values() for key in keys} == {*OURS, "Environment", "Wants", "After"}
    assert all(OURS <= keys for keys in changed.values())


def test_a_file_is_only_added_to(stock, ours):
    assert stock.etc.keys() == ours.etc.keys()
    for name, text in stock.etc.items():
        assert ours.etc[name].startswith(text)
    assert ours.etc["nixos-containers/pair.conf"] == stock.etc["nixos-containers/pair.conf"]


def test_names_of_containers_stay_in_the_hosts_file(stock, ours):
    assert ours.hosts == stock.hosts
    assert "10.0.0.2 pair.containers" in ours.hosts


def test_roots_of_ephemeral_containers_stay_out_of_reach(stock, ours):
    assert stock.tmpfiles == []
    assert ours.tmpfiles == ["d /run/nixos-containers 0700 root root -"]


def test_units_and_rules_of_udev_are_those_of_the_package(stock, ours):
    assert stock.packages == {"udev": [], "systemd": []}
    assert ours.packages == {"udev": [PACKAGE], "systemd": [PACKAGE]}


def test_the_host_takes_no_redirects(evaluate, stock, ours):
    """As the file that is installed elsewhere has it; with a switch."""
    installed = (MODULE.parent / "systemd/sysctl.conf").read_text()
    lines = [line for line in installed.splitlines() if not line.startswith("#")]
    assert lines == [f"{name} = {int(value)}" for name, value in ours.sysctl.items()]
    assert stock.sysctl == {}
    off = evaluate(module(WEB, "virtualisation.container-init.refuseRedirects = false;"))
    assert off.sysctl == {}


def test_networkd_has_the_file_that_is_installed_elsewhere(stock, ours):
    """Under the same name, as it decides which files win."""
    assert stock.network == {}
    ((name, text),) = ours.network.items()
    assert re.search(rf"^NETWORK_FILE = .*/{name}$", (TOP / "Makefile").read_text(), re.MULTILINE)
    assert text == (TOP / "hooks/systemd/container-init.network").read_text()


def everything(system):
    return (system.units, system.etc, system.warnings, system.tmpfiles, system.network, system.packages,
            system.hosts, system.faults, system.checks)


def test_not_enabled_it_changes_nothing(evaluate, stock):
    imported = evaluate(f"{{ imports = [ {MODULE} {HERE}/containers.nix ]; }}")
    assert everything(imported) == everything(stock)


def test_without_containers_it_defines_nothing_and_says_so(evaluate):
    found = evaluate(module())
    assert (found.units, found.etc) == ({}, {})
    (warning,) = found.warnings
    assert warning.startswith("virtualisation.container-init.enable has no effect: boot.enableContainers is false")


def test_imperative_containers_alone_need_no_warning(evaluate):
    assert evaluate(module("boot.enableContainers = true;")).warnings == []


def test_imported_twice_it_is_one_module(evaluate, tmp_path):
    """By its path, and from a flake, whose path is another one."""
    copy = shutil.copytree(MODULE, tmp_path / "nixos")
    twice = evaluate(module(WEB, imports=[MODULE, copy]))
    assert everything(twice) == everything(evaluate(module(WEB)))


def test_users_are_mapped_only_where_the_configuration_says_so(evaluate):
    """A unit of ours has another default; NixOS's must not get it."""
    found = evaluate(module(WEB, "containers.db = { config = { }; privateUsers = 65536; };"))
    template = found.unit("").environment
    assert not {name for name in template if "USERS" in name}
    assert "USERS" not in " ".join(found.unit("web").environment)
    assert found.variables("web")["PRIVATE_USERS"] == "no"
    assert found.variables("db")["PRIVATE_USERS"] == "65536"


def test_a_container_without_it_is_as_before(evaluate):
    both = WEB + 'containers.db = { config = { }; enableTun = true; extraFlags = [ "--setenv=A=\'" ]; };'
    before = evaluate(configuration(both))
    after = evaluate(module(both, "containers.db.container-init.enable = false;"))
    assert after.units["container@db.service"] == before.units["container@db.service"]
    assert after.file("db") == before.file("db")
    assert after.unit("web").one("ExecStart") == START


def test_imperative_containers_are_run_by_the_programs(evaluate):
    template = evaluate(module("boot.enableContainers = true;")).unit("")
    assert template.one("ExecStart") == START
    assert template.all("ExecStartPost") == []
    assert template.one("ExecReload") == f"{PROGRAMS}/reload"
    assert template.one("RuntimeDirectory") == "container-init/"
    assert template.one("SyslogLevelPrefix") == "false"
    assert template.all("ExecStartPre") == []
    assert template.one("Type") == "notify"
    assert template.one("EnvironmentFile") == "-/etc/nixos-containers/.conf"
    assert template.environment["root"] == "/var/lib/nixos-containers/"
    assert template.environment["LITERAL_NSPAWN_FLAGS"] == "1"
    assert "-nixos-container-var-lib-nixos-containers-etc-nixos-containers/bin" in template.environment["PATH"]


def test_before_22_05_the_directories_are_the_old_ones(evaluate):
    flake = 'containers.web.flake = "github:example/web"; containers.web.enableTun = true;'
    old = evaluate(module(flake), "--argstr", "stateVersion", "21.11")
    assert old.etc.keys() == {"containers/web.conf"}
    assert read_environment_file(old.file("web", "containers"))["CAPABILITIES"] == "CAP_NET_ADMIN"
    for unit in old.unit("web"), old.unit(""):
        assert "-nixos-container-var-lib-containers-etc-containers/bin" in unit.environment["PATH"]
        assert unit.one("ExecStart") == START


def test_the_path_of_a_container_without_flake_stays(evaluate):
    before, after = evaluate(configuration(WEB)).unit("web"), evaluate(module(WEB)).unit("web")
    assert after.environment == before.environment


def test_another_package_can_be_given(evaluate):
    other = ('virtualisation.container-init.package = '
             '{ type = "derivation"; name = "mine"; outPath = "/nix/store/mine"; };')
    unit = evaluate(module(WEB, other)).unit("web")
    assert unit.one("ExecReload") == "/nix/store/mine/libexec/container-init/reload"


# Other versions of NixOS


OLDER = "--arg", "containersModule", HERE / "older-containers.nix", "--arg", "hasTmpfilesSettings", "false"
EVERY_OPTION = f"""containers.web = {{
    privateNetwork = true; hostAddress = "10.0.0.1"; localAddress = "10.0.0.2"; ephemeral = true; enableTun = true;
    tmpfs = [ "/var" ]; extraVeths.lan0.localAddress = "10.1.0.2"; bindMounts."/my data" = {{ }};
    path = "{PACKAGE}"; }};"""


def test_options_that_an_older_version_lacks_are_variables(evaluate):
    found = evaluate(module(EVERY_OPTION, variables('PRIVATE_USERS = "pick"; LOCAL_MAC_ADDRESS = "02:00:00:00:00:01";')),
                     *OLDER)
    assert found.faults == found.warnings == []
    assert found.variables("web").items() >= {
        "PRIVATE_USERS": "pick", "LOCAL_MAC_ADDRESS": "02:00:00:00:00:01", "EPHEMERAL": "1", "TMPFS": "/var",
        "EXTRA_VETHS": "lan0,LOCAL_ADDRESS=10.1.0.2"}.items()
    assert found.tmpfiles == ["d /run/nixos-containers 0700 root root -"]


def check_is_ours(system):
    assert system.faults == []
    for unit in system.unit("web"), system.unit(""):
        assert unit.one("ExecStart") == START
        assert unit.one("ExecReload") == f"{PROGRAMS}/reload"
        assert unit.all("ExecStartPre") == unit.all("ExecStartPost") == []


def test_an_older_version_is_understood(evaluate):
    check_is_ours(evaluate(module(EVERY_OPTION), *OLDER))


def test_every_version_at_hand_is_understood(evaluate, versions):
    for version in versions:
        check_is_ours(evaluate(module(EVERY_OPTION), "--arg", "containersModule", version))


# What a configuration adds


def test_a_script_before_the_start_stays(unit_with, script):
    unit = unit_with('preStart = "echo mine";')
    assert script(unit.one("ExecStartPre")) == "echo mine"
    assert unit.one("ExecStart") == START


def test_a_command_before_the_start_stays(unit_with):
    unit = unit_with('serviceConfig.ExecStartPre = [ "/mine" ];')
    assert unit.all("ExecStartPre") == ["/mine"]


def test_what_runs_after_the_start_stays(unit_with, script):
    unit = unit_with('postStart = "echo mine"; serviceConfig.ExecStartPost = [ "/mine" ];')
    (command,) = set(unit.all("ExecStartPost")) - {"/mine"}
    assert script(command) == "echo mine"


def test_more_scripts_than_one_stay(unit_with, script):
    unit = unit_with('preStart = lib.mkMerge [ (lib.mkAfter "echo 2") (lib.mkBefore "echo 1") ];')
    assert script(unit.one("ExecStartPre")) == "echo 1\necho 2"


def test_settings_of_the_unit_stay(unit_with):
    unit = unit_with('serviceConfig.MemoryMax = "1G"; environment.A = "b"; after = [ "x.service" ]; preStop = "x";'
                     'serviceConfig.RestartPreventExitStatus = "1";')
    assert unit.one("MemoryMax") == "1G"
    assert unit.environment["A"] == "b"
    assert "x.service" in unit.one("After").split()
    assert len(unit.all("ExecStop")) == 1
    assert unit.one("RestartPreventExitStatus") == "1"


def test_what_is_forced_wins(unit_with, script):
    unit = unit_with('script = lib.mkForce "exec mine"; postStart = lib.mkForce "echo after";'
                     'serviceConfig.ExecReload = lib.mkForce "/mine";')
    assert script(unit.one("ExecStart")) == "exec mine"
    assert script(unit.one("ExecStartPost")) == "echo after"
    assert unit.one("ExecReload") == "/mine"
    assert unit.all("RestartPreventExitStatus") == []


def test_a_forced_script_has_post_start_after_it(unit_with, script):
    """As it has the stock script: nothing else configures the host's end."""
    unit = unit_with('script = lib.mkForce "exec mine"; postStart = lib.mkAfter "echo after";')
    assert script(unit.one("ExecStartPost")) == f"{PROGRAMS}/post-start\necho after"
    assert unit.all("SyslogLevelPrefix") == unit.all("RuntimeDirectory") == []


def test_commands_that_are_forced_win(unit_with):
    unit = unit_with('serviceConfig = { ExecStartPre = lib.mkForce [ ]; ExecStart = lib.mkForce "/start";'
                     'ExecStartPost = lib.mkForce "/after"; ExecReload = lib.mkForce "/reload"; };')
    assert unit.all("ExecStartPre") == []
    assert unit.one("ExecStart") == "/start"
    assert unit.one("ExecStartPost") == "/after"
    assert unit.one("ExecReload") == "/reload"


def test_another_start_is_a_conflict_as_before(evaluate):
    added = WEB + addition('serviceConfig.ExecStart = "/mine";')
    for text in configuration(added), module(added):
        with pytest.raises(EvaluationError, match='container@web".serviceConfig.ExecStart. has conflicting definition'):
            evaluate(text)


def test_a_second_reload_command_stays(evaluate, nix):
    list_of_stock = addition('serviceConfig.ExecReload = [ "/mine" ];')
    unit = evaluate(module(WEB, list_of_stock)).unit("web")
    assert sorted(unit.all("ExecReload")) == sorted(["/mine", f"{PROGRAMS}/reload"])


@pytest.mark.parametrize("text, whole", [
    ('lib.mkBefore "echo mine"', f"echo mine\nexec {START}"),
    ('lib.mkAfter "echo mine"', f"exec {START}\necho mine"),
])
def test_text_that_is_added_to_the_script_is_run(text, whole, unit_with, script):
    unit = unit_with(f"script = {text};")
    assert script(unit.one("ExecStart").strip()) == whole
    assert unit.one("RestartPreventExitStatus") == "64 78 126 127"


@pytest.mark.parametrize("hook, key", [("preStart", "ExecStartPre"), ("postStart", "ExecStartPost")])
def test_a_hook_that_is_forced_is_all_there_is(hook, key, unit_with, script):
    unit = unit_with(f'{hook} = lib.mkForce "echo forced";')
    assert script(unit.one(key)) == "echo forced"
    assert unit.one("ExecStart") == START


def test_definitions_of_a_unit_may_have_conditions_and_priorities(evaluate, script):
    added = '''({ lib, ... }: {
        systemd.services."container@web" = lib.mkMerge [
          (lib.mkIf true { preStart = lib.mkAfter "echo 2"; })
          (lib.mkIf false { preStart = "echo 3"; })
          (lib.mkDefault { preStart = "echo 4"; })
          ({ config, ... }: { preStart = "echo ${toString config.restartIfChanged}"; })
        ]; })'''
    unit = evaluate(module(WEB, imports=[MODULE, added])).unit("web")
    assert script(unit.one("ExecStartPre")) == "echo \necho 2"
    assert unit.one("ExecStart") == START


def test_a_unit_that_is_forced_as_a_whole_is_not_ours(evaluate):
    forced = 'systemd.services."container@web"'
    added = f'({{ lib, ... }}: {{ {forced} = lib.mkForce {{ serviceConfig.ExecStart = "/mine"; }}; }})'
    found = evaluate(module(WEB, imports=[MODULE, added]))
    assert found.unit("web").one("ExecStart") == "/mine"
    assert found.unit("web").all("ExecReload") == found.faults == []


def test_options_have_texts_for_the_manual(ours):
    assert ours.manual.keys() >= {
        "virtualisation.container-init.enable", "virtualisation.container-init.package",
        "containers.<name>.container-init.enable", "containers.<name>.container-init.variables"}
    assert all(entry["description"] for entry in ours.manual.values())
    assert ours.manual["virtualisation.container-init.package"]["default"]["text"] == (
        "pkgs.pkgsStatic.callPackage ./package.nix { }")


def test_others_may_declare_options_of_units_again(evaluate):
    """With apply, which an option has once: the module must not use it."""
    again = '''({ lib, ... }: { options.systemd.services = lib.mkOption { type = lib.types.attrsOf (
        lib.types.submodule { options = lib.genAttrs [ "preStart" "postStart" "script" "serviceConfig" ] (
          _: lib.mkOption { apply = value: value; }); }); }; })'''
    assert evaluate(module(WEB, imports=[MODULE, again])).units == evaluate(module(WEB)).units


# Whose definitions are replaced


NAME_OF_STOCK = "nixos-containers.nix"


def test_a_file_of_the_user_s_may_have_the_name_of_the_stock_module(evaluate, tmp_path, script):
    file = tmp_path / NAME_OF_STOCK
    file.write_text('{ systemd.services."container@web" = { preStart = "echo 1"; postStart = "echo 2"; }; }')
    unit = evaluate(module(WEB, imports=[MODULE, file])).unit("web")
    assert script(unit.one("ExecStartPre")) == "echo 1"
    assert script(unit.one("ExecStartPost")) == "echo 2"


@pytest.fixture
def stock_module(tmp_path, nixpkgs):
    """A copy of the stock module under another name, its text changed."""
    def copy(change=lambda text: text):
        text = (nixpkgs / "nixos/modules/virtualisation" / NAME_OF_STOCK).read_text()
        (tmp_path / "containers.nix").write_text(change(text))
        return "--arg", "containersModule", tmp_path / "containers.nix"
    return copy


def test_the_stock_module_may_have_another_name(evaluate, stock_module):
    assert evaluate(module(WEB), *stock_module()).units == evaluate(module(WEB)).units


@pytest.mark.parametrize("before, after", [
    ("preStart = ", "postStop = "),
    ("script = startScript", "preStop = startScript"),
    ("ExecReload = pkgs.writeScript", "ExecStop = pkgs.writeScript"),
    ('name = "container@"', 'name = "nspawn@"'),
])
def test_a_stock_module_that_is_not_understood_is_an_error(before, after, evaluate, stock_module, nixpkgs):
    stock = stock_module(lambda text: text.replace(before, after).replace("recursiveUpdate unit {", "{"))
    found = evaluate(module(WEB), *stock)
    release = (nixpkgs / "lib/.version").read_text().strip()
    (fault,) = found.faults
    assert fault.startswith("virtualisation.container-init does not understand the containers module of NixOS "
                            f"{release}: in {stock[-1]}, container@")


# Variables, faults


def test_variables_without_an_option_can_be_set(evaluate):
    found = evaluate(module(WEB, variables('LOCAL_GATEWAY = "10.0.0.254"; DEVICE_TIMEOUT = 30;'))).variables("web")
    assert found["LOCAL_GATEWAY"] == "10.0.0.254"
    assert found["DEVICE_TIMEOUT"] == "30"
    assert found["LOCAL_ADDRESS"] == "10.0.0.2"


@pytest.mark.parametrize("text, fault", [
    ("MTUU = 1400;", "MTUU: there is no such variable in container.conf(5), did you mean MTU?"),
    ('local_gateway = "10.0.0.9";',
     "local_gateway: there is no such variable in container.conf(5), did you mean LOCAL_GATEWAY?"),
    ('COLOUR = "blue";', "COLOUR: there is no such variable in container.conf(5)"),
    ('EXTRA_NSPAWN_FLAGS = "--bind=/srv";', "EXTRA_NSPAWN_FLAGS: set containers.web.extraFlags or "
     "containers.web.bindMounts, as the variable would take its place"),
    ('HOST_ADDRESS6 = "fd00::1";',
     "HOST_ADDRESS6: set containers.web.hostAddress6, as the variable would take its place"),
    ('root = "/srv";', "root: the module sets this variable"),
])
def test_other_variables_are_errors(text, fault, evaluate):
    assert evaluate(module(WEB, variables(text))).faults == [f"containers.web.container-init.variables.{fault}"]


@pytest.mark.parametrize("off", ["containers.web.container-init.enable = false;",
                                 "virtualisation.container-init.enable = lib.mkForce false;"])
def test_variables_of_a_container_without_it_are_a_warning(off, evaluate):
    added = f"({{ lib, ... }}: {{ {off} }})"
    found = evaluate(module(WEB, variables("MTU = 1400;"), imports=[MODULE, added]))
    assert found.warnings == [
        "containers.web.container-init.variables has no effect where container-init does not run the container."]
    assert "MTU" not in found.file("web")


def test_all_errors_are_found_at_once(evaluate):
    both = module(WEB, variables("MTUU = 1; COLOUR = 2;"), "containers.db = { config = { }; };",
                  variables("MTUU = 1;").replace("web", "db"))
    assert len(evaluate(both).faults) == 3


@pytest.mark.parametrize("options, warning", [
    ("privateNetwork = true; extraVeths.a.forwardPorts = [ { hostPort = 80; } ];",
     "containers.web.extraVeths.a.forwardPorts has no effect: ports are forwarded to the container's main pair only"),
    ('hostAddress = "10.0.0.1";', "containers.web.hostAddress has no effect without containers.web.privateNetwork"),
    ("forwardPorts = [ { hostPort = 80; } ];",
     "containers.web.forwardPorts has no effect without containers.web.privateNetwork"),
])
def test_options_without_effect_are_warnings(options, warning, evaluate):
    assert evaluate(module(f"containers.web = {{ config = {{ }}; {options} }};")).warnings == [warning]


@pytest.mark.parametrize("options, named", [
    ('extraVeths."a,b" = { };', 'containers.web.extraVeths: "a,b" cannot be given'),
    ('extraVeths.a.localAddress = "10.0.0.1, 10.0.0.2";', "containers.web.extraVeths.a.localAddress: "),
    ('tmpfs = [ "/a b" ];', 'containers.web.tmpfs: "/a b" cannot be given'),
    ('bindMounts."/a\\"b" = { };', 'containers.web.bindMounts."/a"b": a double quote is not closed'),
    ('extraFlags = [ "\\"" ];', "containers.web.extraFlags: a double quote is not closed"),
    ('container-init.variables.LOCAL_GATEWAY = [ "10.0.0.1" ];', "containers.web.container-init.variables.LOCAL_GATEWAY"),
    ('container-init.enable = "yes";', "containers.web.container-init.enable"),
    ("container-init.variable.A = 1;", "containers.web.container-init.variable"),
    ('container-init.variables.STAGE2 = "a\\nb";', "containers.web.container-init.variables.STAGE2"),
    ('additionalCapabilities = [ "all\\" --system-call-filter=\\"mount" ];',
     'containers.web.additionalCapabilities: "all" --system-call-filter="mount" cannot be given to the container; '
     'wanted: the name of a capability; other flags of systemd-nspawn belong into extraFlags'),
])
def test_a_broken_option_is_an_error_that_names_it(options, named, evaluate):
    with pytest.raises(EvaluationError, match=re.escape(named)):
        evaluate(module(f"containers.web = {{ config = {{ }}; {options} }};"))
