# SPDX-License-Identifier: MIT
# A NixOS configuration of the modules in a nixpkgs tree that concern containers: its units and files
# in /etc as text, and its warnings. What else these modules need is a stub.
{
  nixpkgs,
  configuration,
  stateVersion ? "26.05",
  # Where a stock start finds systemd-nspawn: systemd/bin/systemd-nspawn.
  tools ? "/tools",
  # In the place of the one of the tree.
  containersModule ? "${toString nixpkgs}/nixos/modules/virtualisation/nixos-containers.nix",
  # Whether systemd.tmpfiles.settings is there, which NixOS has since 23.11.
  hasTmpfilesSettings ? true,
  canExecute ? true,
  # Whether options that no module here declares are errors.
  allDeclared ? true,
}:
let
  lib = import "${toString nixpkgs}/lib";
  inherit (lib) mkOption types;

  # A file in the store, without a build.
  write =
    name: text: builtins.toFile (builtins.replaceStrings [ "@" "\\" ] [ "_" "-" ] name) text;

  package = name: outPath: {
    type = "derivation";
    inherit name outPath;
    outputName = "out";
    meta.mainProgram = name;
  };
  fromStore = name: package name "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-${name}";

  # A script that is found at STORE-PATH/bin/NAME, STORE-PATH being its text.
  script =
    { name, text }:
    let
      made = package name (write name text);
    in
    made // { overrideAttrs = _: made; };

  pkgs =
    lib.genAttrs [ "coreutils" "findutils" "gnugrep" "gnused" "iproute2" ] fromStore
    // {
      path = ./stub-nixpkgs;
      stdenv = {
        hostPlatform.system = "x86_64-linux";
        buildPlatform.canExecute = _: canExecute;
      };
      runtimeShell = "/bin/bash";
      systemd = package "systemd" "${tools}/systemd";
      nixos-container = fromStore "nixos-container" // {
        override =
          { stateDirectory, configurationDirectory }:
          fromStore "nixos-container${builtins.replaceStrings [ "/" ] [ "-" ] (stateDirectory + configurationDirectory)}"
          // { meta.mainProgram = "nixos-container"; };
      };
      pkgsStatic.callPackage = _: _: fromStore "container-init";
      # Its text, which a test runs.
      runCommand = name: _: text: package name (write name text);
      writeScript = write;
      writeText = write;
      writeShellScriptBin = name: text: script { inherit name; text = "#!/bin/bash\n${text}"; };
      # With the options that writeShellApplication sets.
      writeShellApplication =
        { name, text }:
        script {
          inherit name;
          text = "#!/bin/bash\nset -o errexit\nset -o nounset\nset -o pipefail\n\n${text}";
        };
    };

  any = default: mkOption { inherit default; type = types.unspecified; };
  list = mkOption { default = [ ]; type = types.listOf types.unspecified; };
  text = mkOption { default = ""; type = types.lines; };

  stubs =
    { config, ... }:
    {
      options = {
        assertions = list;
        warnings = mkOption { default = [ ]; type = types.listOf types.str; };
        boot.kernel.sysctl = mkOption { default = { }; type = types.attrsOf types.bool; };
        boot.kernelModules = list;
        boot.kernelPackages = any { kernel.version = "6.12"; };
        environment.systemPackages = list;
        meta.buildDocsInSandbox = any true;
        networking.dhcpcd.denyInterfaces = list;
        networking.extraHosts = text;
        networking.networkmanager.enable = any false;
        nix.package = any (fromStore "nix");
        # Of versions before 22.05.
        nixpkgs.localSystem.system = any "x86_64-linux";
        services.udev.extraRules = text;
        services.udev.packages = list;
        system.checks = list;
        system.stateVersion = any stateVersion;
        systemd.network.units = mkOption {
          default = { };
          type = types.attrsOf (types.submodule { options.text = text; });
        };
        systemd.tmpfiles = {
          rules = list;
        }
        // lib.optionalAttrs hasTmpfilesSettings { settings = any { }; };
        virtualisation.containers.enable = any false;
      };
      config._module.check = allDeclared;
      config._module.args = {
        inherit pkgs;
        utils = import "${toString nixpkgs}/nixos/lib/utils.nix" { inherit lib config pkgs; };
      };
    };

  modules = [
    containersModule
  ]
  ++ map (path: "${toString nixpkgs}/nixos/modules/${path}") [
    "system/boot/systemd.nix"
    "system/etc/etc.nix"
  ];

  inherit (lib.evalModules { modules = modules ++ [ stubs configuration ]; }) config options;
in
{
  units = lib.mapAttrs (_: unit: unit.text) (
    lib.filterAttrs (name: _: lib.hasPrefix "container@" name) config.systemd.units
  );
  etc = lib.mapAttrs (_: file: file.text) config.environment.etc;
  inherit (config) warnings;
  inherit (config.boot.kernel) sysctl;
  # What keeps a system from being built. Those of nixos-containers.nix are the messages themselves.
  faults = map (fault: fault.message or fault) (
    lib.filter (fault: !(fault.assertion or false)) config.assertions
  );
  checks = map toString config.system.checks;
  # As lines of tmpfiles.d(5).
  tmpfiles =
    config.systemd.tmpfiles.rules
    ++ lib.concatMap (lib.mapAttrsToList (
      path: { d }: "d ${path} ${d.mode} ${d.user} ${d.group} -"
    )) (lib.attrValues (config.systemd.tmpfiles.settings or { }));
  # Of /etc/systemd/network, if systemd-networkd is enabled.
  network = lib.mapAttrs (_: file: file.text) config.systemd.network.units;
  # Where NixOS takes rules of udev and units from.
  packages = {
    udev = map toString config.services.udev.packages;
    systemd = map toString config.systemd.packages;
  };
  hosts = config.networking.extraHosts;
  # What nixos-option and the manual say of the options of the module.
  manual = lib.listToAttrs (
    map
      (
        { name, ... }@entry:
        lib.nameValuePair name {
          description = entry.description.text or entry.description or "";
          default = entry.default or null;
        }
      )
      (
        lib.filter ({ name, internal, ... }: !internal && lib.hasInfix "container-init." name) (
          lib.optionAttrSetToDocList {
            inherit (options) containers;
            virtualisation = options.virtualisation.container-init or { };
          }
        )
      )
  );
  # Those of a container.
  options = lib.attrNames (options.containers.type.getSubOptions [ ]);
}
