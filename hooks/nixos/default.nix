# SPDX-License-Identifier: MIT
# NixOS module: the containers of `containers.<name>` and of nixos-container(8) are run by the
# programs of this project in the place of the scripts of nixos-containers.nix. Everything else of
# their units, and all that a configuration adds to them, stays as it is. README.md has the use.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib)
    concatLists
    concatMap
    concatStringsSep
    filter
    filterAttrs
    hasSuffix
    isList
    mapAttrs'
    mapAttrsToList
    mkBefore
    mkAfter
    mkDefault
    mkEnableOption
    mkIf
    mkMerge
    mkOption
    nameValuePair
    optional
    optionalAttrs
    optionals
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

  # Where a definition stands says whose it is.
  isStock = definition: hasSuffix "/nixos-containers.nix" (toString definition.file);
  stock = option: filter isStock option.definitionsWithLocations;
  added = option: filter (definition: !isStock definition) option.definitionsWithLocations;

  # A script option without what nixos-containers.nix puts there: the texts that others add remain,
  # and run in a script of their own.
  withoutStock =
    option:
    mkOption {
      apply = _: concatStringsSep "\n" (map (definition: definition.value) (added option));
    };

  # A module of the unit container@NAME. A script that the configuration replaces by mkForce is its
  # own again, and so is a command.
  unit =
    {
      hasFlake,
      environment ? { },
    }:
    { options, ... }:
    let
      startsScript = stock options.script != [ ];
      stockReload = map toString (
        concatMap (definition: toList (definition.value.ExecReload or [ ])) (stock options.serviceConfig)
      );
      reload = command: if builtins.elem (toString command) stockReload then program "reload" else command;
    in
    {
      options = {
        preStart = withoutStock options.preStart;
        postStart = withoutStock options.postStart;
        script = mkOption { apply = text: if startsScript then "" else text; };
        serviceConfig = mkOption {
          apply =
            service:
            service
            // optionalAttrs (service ? ExecReload) {
              ExecReload =
                if isList service.ExecReload then map reload service.ExecReload else reload service.ExecReload;
            };
        };
        unusedScript = mkOption {
          type = types.listOf types.str;
          internal = true;
          visible = false;
          description = "Files whose text in `script` nothing runs.";
        };
      };
      config = {
        unusedScript = optionals startsScript (map (definition: toString definition.file) (added options.script));
        inherit environment;
        # It hears of what a link loses from the first moment on.
        wants = [ "container-links.socket" ];
        after = [ "container-links.socket" ];
        # nixos-container makes the system of a flake.
        path = optional hasFlake nixos-container;
        serviceConfig = mkMerge [
          (mkIf startsScript {
            # One process, whose exit status keeps a faulty configuration from being tried again.
            ExecStart = "${program "pre-start"} ${program "start"}";
            RestartPreventExitStatus = mkDefault "64 78 126 127";
            # What a container prints has no levels of its own.
            SyslogLevelPrefix = mkDefault false;
            # For what start needs while the container starts; systemd removes it with the unit.
            RuntimeDirectory = [ "container-init/%i" ];
          })
          # start configures the host's end itself.
          (mkIf (!startsScript && stock options.postStart != [ ]) {
            ExecStartPost = mkBefore [ (program "post-start") ];
          })
        ];
      };
    };

  unusedScriptWarnings =
    name:
    map (
      file:
      "systemd.services.\"${name}\".script in ${file} is not run, as container-init starts the container without a script. Use preStart, or set containers.<name>.container-init.enable to false."
    ) config.systemd.services.${name}.unusedScript;
in
{
  # Imported by its path and from the flake, it is one module.
  key = "container-init/hooks/nixos";

  options = {
    virtualisation.container-init = {
      enable = mkEnableOption "container-init, static programs in the place of the scripts of NixOS containers";
      package = mkOption {
        type = types.package;
        default = pkgs.pkgsStatic.callPackage ./package.nix { };
        defaultText = lib.literalExpression "pkgs.pkgsStatic.callPackage ./package.nix { }";
        description = "The package that has the programs.";
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
              type = types.attrsOf (types.either types.str types.int);
              default = { };
              example = {
                LOCAL_GATEWAY = "192.168.1.1";
                RELOAD_COMMAND = "/run/current-system/sw/bin/systemctl reload nginx";
              };
              description = ''
                More variables of {manpage}`container.conf(5)`, such as a gateway behind a bridge. They
                win over those that are made of the other options.

                A container of {manpage}`nixos-container(8)` has them in its file in
                {file}`/etc/nixos-containers`.
              '';
            };
          };
        }
      );
    };
  };

  config = mkIf cfg.enable (mkMerge [
    {
      warnings = optional (!config.boot.enableContainers)
        "virtualisation.container-init.enable has no effect: boot.enableContainers is false, its default without any containers.<name>. Containers of nixos-container need it to be true.";
    }
    (mkIf config.boot.enableContainers {
      systemd.services = {
        "container@" = unit {
          hasFlake = true;
          # What was added to a file of nixos-container was written for the scripts.
          environment.LITERAL_NSPAWN_FLAGS = mkDefault "1";
        };
      }
      // mapAttrs' (
        name: container:
        nameValuePair "container@${name}" (unit {
          hasFlake = container.flake or null != null;
        })
      ) enabled;

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

      # The links that start claims are left alone by systemd-networkd and NetworkManager.
      services.udev.packages = [ cfg.package ];
      systemd.packages = [ cfg.package ];

      boot.kernel.sysctl = mkIf cfg.refuseRedirects {
        "net.ipv4.conf.all.accept_redirects" = mkDefault false;
        "net.ipv6.conf.all.accept_redirects" = mkDefault false;
      };

      # The scripts see to this mode: files of a container are not for users of the host.
      systemd.tmpfiles.rules = [ "d /run/nixos-containers 0700 root root -" ];

      warnings = concatLists (
        mapAttrsToList translation.ignored enabled
        ++ map unusedScriptWarnings ([ "container@" ] ++ mapAttrsToList (name: _: "container@${name}") enabled)
      );
    })
  ]);
}
