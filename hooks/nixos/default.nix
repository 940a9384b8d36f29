# SPDX-License-Identifier: MIT
# NixOS module: the containers of `containers.<name>` and of nixos-container(8) are run by the
# programs of this project in the place of the scripts of nixos-containers.nix. Everything else of
# their units, and all that a configuration adds to them, stays as it is. README.md has how it works.
{
  config,
  options,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib)
    all
    any
    attrNames
    concatLists
    concatMap
    concatStrings
    elem
    escapeShellArg
    filter
    filterAttrs
    hasInfix
    isAttrs
    mapAttrs
    mapAttrs'
    mapAttrsToList
    mkAfter
    mkDefault
    mkEnableOption
    mkIf
    mkMerge
    mkOption
    mkOverride
    mkPackageOption
    nameValuePair
    optional
    optionalAttrs
    toList
    types
    ;

  cfg = config.virtualisation.container-init;
  translation = import ./variables.nix;
  program = name: "${cfg.package}/libexec/container-init/${name}";
  enabled = filterAttrs (_: container: container.container-init.enable) config.containers;

  # As nixos-containers.nix has them.
  prefix = if lib.versionAtLeast config.system.stateVersion "22.05" then "nixos-" else "";
  nixos-container = pkgs.nixos-container.override {
    stateDirectory = "/var/lib/${prefix}containers";
    configurationDirectory = "/etc/${prefix}containers";
  };

  # Of all modules but this one, the definitions of a unit: [ { file, value } ], as NixOS merges them.
  thisFile = toString ./default.nix;
  others = filter (definition: definition.file != thisFile) options.systemd.services.definitionsWithLocations;
  definitionsOf =
    unit:
    let
      ofUnit = concatMap (
        { file, value }:
        optional (value ? ${unit}) {
          inherit file;
          value = value.${unit};
        }
      ) others;
    in
    (lib.mergeDefinitions [ "systemd" "services" unit ] types.raw ofUnit).defsFinal;

  # The module that declares the option is the one whose scripts are replaced, whatever its name.
  stockFiles = map toString options.boot.enableContainers.declarations;
  isStock = definition: elem definition.file stockFiles;
  scripts = [
    "preStart"
    "script"
    "postStart"
  ];
  # Not looked at, the scripts are not made.
  hasScripts =
    definition: all (script: definition ? ${script}) scripts && definition ? serviceConfig.ExecReload;
  isUnderstood =
    unit: any (definition: isStock definition && hasScripts (definition.value.${unit} or { })) others;
  notUnderstood = filter (unit: !isUnderstood unit) (attrNames ours);

  # The same definition at the place where it was made.
  located =
    { file, value }:
    _: {
      _file = file;
      imports = [ (if isAttrs value then { config = value; } else value) ];
    };

  # The definitions of a unit with ours in the place of that with the stock scripts. All are made again,
  # with a priority that lets these count in the place of those that they are made of.
  replaced =
    unit: ours:
    let
      found = lib.partition (definition: isStock definition && hasScripts definition.value) (definitionsOf unit);
    in
    mkMerge (
      map (mkOverride 99) (
        map ({ value, ... }: ours value (map ({ file, ... }: file) found.wrong)) found.right
        ++ map located found.wrong
      )
    );

  # The stock definition of a unit, with the programs for its scripts. Others define the unit in these files.
  # Text that they add to the script surrounds the start as it did that of the stock script; without such
  # text there is no script at all. A command of theirs in the place of the start is a conflict, as it was,
  # unless it is forced.
  start = "${program "pre-start"} ${program "start"}";
  unit =
    {
      hasFlake,
      environment ? { },
    }:
    stock: files:
    { config, options, ... }:
    let
      isStarted = hasInfix start config.script;
      isOfOthers = { file, value }: elem file files && value ? ExecStart;
      priority = if any isOfOthers options.serviceConfig.definitionsWithLocations then 100 else 99;
    in
    {
      config = builtins.removeAttrs stock [ "preStart" ] // {
        environment = stock.environment // environment;
        # It hears of what a link loses from the first moment on.
        wants = stock.wants or [ ] ++ [ "container-links.socket" ];
        after = stock.after or [ ] ++ [ "container-links.socket" ];
        # nixos-container makes the system of a flake.
        path = stock.path or [ ] ++ optional hasFlake nixos-container;
        script = "exec ${start}";
        # start configures the host's end, unless a forced script starts the container.
        postStart = mkIf (!isStarted) (program "post-start");
        serviceConfig =
          stock.serviceConfig
          // {
            ExecReload = program "reload";
          }
          // optionalAttrs isStarted {
            # One process, whose exit status keeps a faulty configuration from being tried again.
            ExecStart = mkIf (config.script == "exec ${start}") (mkOverride priority start);
            RestartPreventExitStatus = mkDefault "64 78 126 127";
            # What a container prints has no levels of its own.
            SyslogLevelPrefix = mkDefault false;
            # For what start needs while the container starts; systemd removes it with the unit.
            RuntimeDirectory = toList (stock.serviceConfig.RuntimeDirectory or [ ]) ++ [ "container-init/%i" ];
          };
      };
    };

  ours = {
    "container@" = unit {
      hasFlake = true;
      # What was added to a file of nixos-container was written for the scripts.
      environment.LITERAL_NSPAWN_FLAGS = mkDefault "1";
    };
  }
  // mapAttrs' (
    name: container: nameValuePair "container@${name}" (unit { hasFlake = container.flake or null != null; })
  ) enabled;

  # start checks the file of each container while the system is built. The root is not looked at: only
  # the host has it.
  check = pkgs.runCommand "container-init-check" { } ''
    mkdir root
    check() {
      ${pkgs.runtimeShell} ${./check-container} ${program "start"} ${config.systemd.package}/bin \
        "$1" "$PWD/root" "$2" || failed=1
    }
    ${concatStrings (
      mapAttrsToList (name: _: ''
        check ${escapeShellArg name} ${config.environment.etc."${prefix}containers/${name}.conf".source}
      '') enabled
    )}
    [ -z "''${failed-}" ]
    touch $out
  '';
in
{
  # Imported by its path and from the flake, it is one module.
  key = "container-init/hooks/nixos";
  _file = thisFile;

  options = {
    virtualisation.container-init = {
      enable = mkEnableOption "container-init, static programs in the place of the scripts of NixOS containers";
      package =
        mkPackageOption { container-init = pkgs.pkgsStatic.callPackage ./package.nix { }; } "container-init" { }
        // {
          defaultText = lib.literalExpression "pkgs.pkgsStatic.callPackage ./package.nix { }";
        };
      refuseRedirects = mkOption {
        type = types.bool;
        default = true;
        description = ''
          Whether {option}`boot.kernel.sysctl` lets the host refuse redirects. Otherwise the kernel takes
          those of IPv4 from the link of a container where the host does not forward, and the container
          can lead what the host sends to other machines elsewhere.
        '';
      };
    };

    containers = mkOption {
      type = types.attrsOf (
        types.submodule {
          options.container-init = {
            enable = mkOption {
              type = types.bool;
              default = true;
              description = ''
                Whether container-init runs this container, where
                {option}`virtualisation.container-init.enable` is set. Otherwise it is run by the
                scripts, as if the module was not there.
              '';
            };
            variables = mkOption {
              type = types.attrsOf (types.either types.int types.singleLineStr);
              default = { };
              example = {
                LOCAL_GATEWAY = "192.168.1.1";
                RELOAD_COMMAND = "/run/current-system/sw/bin/systemctl reload nginx";
              };
              description = ''
                Variables of {manpage}`container.conf(5)` that no other option of the container sets,
                such as a gateway behind a bridge.

                A container of {manpage}`nixos-container(8)` has them in its file in
                {file}`/etc/nixos-containers`.
              '';
            };
          };
        }
      );
    };
  };

  config = mkMerge [
    {
      warnings =
        optional (cfg.enable && !config.boot.enableContainers)
          "virtualisation.container-init.enable has no effect: boot.enableContainers is false, its default without any containers.<name>. Containers of nixos-container need it to be true."
        ++ map
          (
            name:
            "containers.${name}.container-init.variables has no effect where container-init does not run the container."
          )
          (
            attrNames (
              filterAttrs (
                _: { container-init, ... }: container-init.variables != { } && !(cfg.enable && container-init.enable)
              ) config.containers
            )
          );
    }
    (mkIf (cfg.enable && config.boot.enableContainers) {
      systemd.services = mapAttrs (unit: ours: mkIf (isUnderstood unit) (replaced unit ours)) ours;

      # After what nixos-containers.nix writes: the last assignment counts.
      environment.etc = mapAttrs' (
        name: container:
        let
          lines = translation.lines name container;
        in
        nameValuePair "${prefix}containers/${name}.conf" {
          text = mkIf (lines != "") (mkAfter lines);
        }
      ) enabled;

      # The links that start claims are left alone by systemd-networkd and NetworkManager. Of the
      # package, systemd.packages takes units alone. NixOS lets systemd-networkd read this file at once.
      services.udev.packages = [ cfg.package ];
      systemd.packages = [ cfg.package ];
      systemd.network.units."79-container-init.network".text =
        builtins.readFile ../systemd/container-init.network;

      boot.kernel.sysctl = mkIf cfg.refuseRedirects {
        "net.ipv4.conf.all.accept_redirects" = mkDefault false;
        "net.ipv6.conf.all.accept_redirects" = mkDefault false;
      };

      # The scripts see to this mode: files of a container are not for users of the host.
      systemd.tmpfiles =
        if options.systemd.tmpfiles ? settings then
          {
            settings.container-init."/run/nixos-containers".d = {
              mode = "0700";
              user = "root";
              group = "root";
            };
          }
        else
          { rules = [ "d /run/nixos-containers 0700 root root -" ]; };

      system.checks = optional (
        enabled != { } && pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform
      ) check;

      assertions =
        optional (notUnderstood != [ ]) {
          assertion = false;
          message = "virtualisation.container-init does not understand the containers module of NixOS ${lib.trivial.release}: in ${toString stockFiles}, ${toString notUnderstood} lacks one of ${toString scripts} and serviceConfig.ExecReload. Without virtualisation.container-init.enable, containers are run by the scripts.";
        }
        ++ concatLists (
          mapAttrsToList (
            name: container:
            map (message: {
              assertion = false;
              inherit message;
            }) (translation.faults lib name container)
          ) enabled
        );

      warnings = concatLists (mapAttrsToList translation.ignored enabled);
    })
  ];
}
