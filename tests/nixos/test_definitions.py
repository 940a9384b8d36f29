# SPDX-License-Identifier: MIT
"""What the module defines, with a small lib in the place of nixpkgs'."""

import pytest

from evaluation import HERE, MODULE

STOCK = "/nixpkgs/nixos/modules/virtualisation/nixos-containers.nix"
PROGRAMS = "/package/libexec/container-init"

# The module as a function, on a host with two containers, one of them without it.
HOST = f"""
  lib = import {HERE}/stub-lib.nix;
  container = {{ container-init = {{ enable = true; variables = {{ }}; }}; flake = null; privateNetwork = true;
    additionalCapabilities = [ ]; enableTun = true; tmpfs = [ ]; ephemeral = false; extraVeths = {{ }};
    bindMounts = {{ }}; extraFlags = [ ]; }};
  evaluate = {{ enable ? true, enableContainers ? true, stateVersion ? "26.05" }}: import {MODULE} {{
    inherit lib;
    config = {{
      virtualisation.container-init = {{ inherit enable; package = "/package"; }};
      boot = {{ inherit enableContainers; }};
      system = {{ inherit stateVersion; }};
      containers = {{ web = container; db = container // {{ container-init.enable = false; }}; }};
      systemd.services = {{ "container@".unusedScript = [ ]; "container@web".unusedScript = [ "/mine.nix" ]; }};
    }};
    pkgs.nixos-container.override = directories: directories;
  }};
  defined = file: value: {{ inherit file value; }};
  stock = defined "{STOCK}";
  mine = defined "/mine.nix";
  option = definitions: {{ definitionsWithLocations = definitions; }};
  nothing = {{ script = option [ ]; preStart = option [ ]; postStart = option [ ]; serviceConfig = option [ ]; }};
  unit = options: (evaluate {{ }}).config.systemd.services."container@web" {{ options = nothing // options; }};
"""


@pytest.fixture
def module(nix):
    return lambda expression: nix.evaluate("--expr", f"let {HOST} in {expression}")


def test_the_template_and_the_containers_with_the_module_are_covered(module):
    assert module("builtins.attrNames (evaluate { }).config.systemd.services") == ["container@", "container@web"]


def test_disabled_it_defines_nothing(module):
    assert module("(evaluate { enable = false; }).config") == {}


def test_without_containers_it_says_so(module):
    (warning,) = module("(evaluate { enableContainers = false; }).config.warnings")
    assert warning.startswith("virtualisation.container-init.enable has no effect: ")
    assert module("builtins.attrNames (evaluate { enableContainers = false; }).config") == ["warnings"]


def test_the_template_takes_quotes_literally_and_a_declared_container_does_not(module):
    environment = '((evaluate { }).config.systemd.services."container@%s" { options = nothing; }).config.environment'
    assert module(environment % "") == {"LITERAL_NSPAWN_FLAGS": {"default": "1"}}
    assert module(environment % "web") == {}


@pytest.mark.parametrize("version, directory", [("22.05", "nixos-containers"), ("21.11", "containers")])
def test_files_are_where_the_state_version_has_them(version, directory, module):
    assert module(f'(evaluate {{ stateVersion = "{version}"; }}).config.environment.etc') == {
        f"{directory}/web.conf": {"text": {"after": 'CAPABILITIES="CAP_NET_ADMIN"\n'}}}


def test_the_template_finds_nixos_container_of_the_state_version(module):
    path = '((evaluate { stateVersion = "21.11"; }).config.systemd.services."container@" { options = nothing; }).config.path'
    assert module(path) == [{"stateDirectory": "/var/lib/containers", "configurationDirectory": "/etc/containers"}]


def test_scripts_of_the_containers_module_are_replaced(module):
    service = module('''(unit { script = option [ (stock "s") ]; postStart = option [ (stock "p") ]; })
                         .config.serviceConfig''')
    assert service == {
        "ExecStart": f"{PROGRAMS}/pre-start {PROGRAMS}/start",
        "RestartPreventExitStatus": {"default": "64 78 126 127"},
        "SyslogLevelPrefix": {"default": False},
        "RuntimeDirectory": ["container-init/%i"]}


def test_scripts_of_others_are_not(module):
    assert module('(unit { script = option [ (mine "s") ]; postStart = option [ (mine "p") ]; }).config.serviceConfig') == {}


@pytest.mark.parametrize("hook", ["preStart", "postStart"])
def test_texts_of_others_remain(hook, module):
    definitions = '[ (mine "a") (stock "s") (mine "b") ]'
    assert module(f'(unit {{ {hook} = option {definitions}; }}).options.{hook}.apply "unused"') == "a\nb"


@pytest.mark.parametrize("definitions, text, unused", [
    ('[ (stock "s") ]', "", []),
    ('[ (mine "a") (stock "s") ]', "", ["/mine.nix"]),
    ('[ (mine "a") ]', "a", []),
])
def test_the_start_is_ours_or_that_of_others(definitions, text, unused, module):
    unit = f"(unit {{ script = option {definitions}; }})"
    assert module(f'{unit}.options.script.apply "{text}"') == text
    assert module(f"{unit}.config.unusedScript") == unused


@pytest.mark.parametrize("command, result", [
    ('"/stock-reload"', f"{PROGRAMS}/reload"),
    ('"/mine"', "/mine"),
    ('[ "/stock-reload" "/mine" ]', [f"{PROGRAMS}/reload", "/mine"]),
])
def test_the_reload_is_replaced_where_it_is_that_of_the_containers_module(command, result, module):
    definitions = '[ (stock { ExecReload = "/stock-reload"; }) (mine { A = "b"; }) ]'
    service = f'(unit {{ serviceConfig = option {definitions}; }}).options.serviceConfig.apply'
    assert module(f'{service} {{ ExecReload = {command}; A = "b"; }}') == {"ExecReload": result, "A": "b"}
    assert module(f'{service} {{ A = "b"; }}') == {"A": "b"}


def test_unused_script_text_is_a_warning(module):
    (warning,) = module("(evaluate { }).config.warnings")
    assert warning.startswith('systemd.services."container@web".script in /mine.nix is not run')
