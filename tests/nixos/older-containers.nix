# SPDX-License-Identifier: MIT
# In the place of nixos-containers.nix of NixOS 23.11: the options that it has, and units of the same shape.
# It lacks copyResolvConf, flake, localMacAddress, networkNamespace and privateUsers.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  flag = option types.bool false;
  list = option (types.listOf types.str) [ ];
  text = option (types.nullOr types.str) null;

  ofPair = lib.genAttrs [ "hostBridge" "hostAddress" "hostAddress6" "localAddress" "localAddress6" ] (_: text) // {
    forwardPorts = option (types.listOf types.attrs) [ ];
  };
  mount =
    { name, ... }:
    {
      options = {
        mountPoint = option types.str name;
        hostPath = text;
        isReadOnly = option types.bool true;
      };
    };
  container.options = ofPair // {
    path = option types.path "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-nixos-system";
    ephemeral = flag;
    enableTun = flag;
    privateNetwork = flag;
    additionalCapabilities = list;
    interfaces = list;
    macvlans = list;
    tmpfs = list;
    extraFlags = list;
    bindMounts = option (types.attrsOf (types.submodule mount)) { };
    extraVeths = option (types.attrsOf (types.submodule { options = ofPair; })) { };
  };

  unit = {
    preStart = "stock";
    script = "stock";
    postStart = "stock";
    serviceConfig = {
      ExecReload = "/stock";
      EnvironmentFile = "-/etc/nixos-containers/%i.conf";
      Type = "notify";
    };
    environment.INSTANCE = "%i";
  };
in
{
  options.boot.enableContainers = option types.bool true;
  options.containers = option (types.attrsOf (types.submodule container)) { };
  config.systemd.services = {
    "container@" = unit;
  }
  // lib.mapAttrs' (name: _: lib.nameValuePair "container@${name}" unit) config.containers;
  config.environment.etc = lib.mapAttrs' (
    name: { path, ... }: lib.nameValuePair "nixos-containers/${name}.conf" { text = "SYSTEM_PATH=${path}\n"; }
  ) config.containers;
}
