# SPDX-License-Identifier: MIT
# The containers that tests/host/test_nixos.py runs. Their options are those of nixos/tests/containers-*.nix.
let
  # The host is emulated, and may be slow.
  timeoutStartSec = "5min";
  path = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-nixos-system";
  pair = number: {
    inherit path;
    privateNetwork = true;
    hostAddress = "10.231.${toString number}.1";
    localAddress = "10.231.${toString number}.2";
  };
in
{
  containers = builtins.mapAttrs (_: container: container // { inherit timeoutStartSec; }) {
    pair = pair 1 // {
      autoStart = true;
    };

    pair6 = {
      inherit path;
      privateNetwork = true;
      hostAddress = "fc00::2";
      localAddress = "fc00::1";
      container-init.variables.MTU = 1400;
    };

    bridged = {
      inherit path;
      privateNetwork = true;
      hostBridge = "br0";
      localAddress = "192.168.0.100/24";
      localAddress6 = "fc00::2/7";
      extraVeths = {
        veth1 = {
          hostBridge = "br1";
          localAddress = "192.168.1.100/24";
        };
        veth2 = {
          hostAddress = "192.168.2.1";
          localAddress = "192.168.2.100";
        };
      };
      container-init.variables.LOCAL_GATEWAY = "192.168.0.1";
    };

    scratch = pair 2 // {
      ephemeral = true;
    };

    capable = {
      inherit path;
      enableTun = true;
      additionalCapabilities = [ "CAP_SYS_TIME" ];
      extraFlags = [ "--drop-capability=CAP_SYS_CHROOT" ];
      tmpfs = [ "/var" "/var/log" "/some/random/path" ];
    };

    mounts = {
      inherit path;
      bindMounts."/srv/data" = { };
      bindMounts."/it's here" = {
        hostPath = "/srv/my files";
        isReadOnly = false;
      };
    };

    links = {
      inherit path;
      autoStart = true;
      privateNetwork = true;
      interfaces = [ "nic0" ];
      macvlans = [ "lan0" ];
    };

    users = pair 3 // {
      privateUsers = "pick";
    };

    really-long-name = pair 4;
    really-long-long-name-2 = pair 5;
  };

  # What systemd.network.netdevs."20-br0" and networks."50-vb-bridged" become.
  systemd.network.units = {
    "20-br0.netdev".text = ''
      [NetDev]
      Name=br0
      Kind=bridge
    '';
    "50-vb-bridged.network".text = ''
      [Match]
      Name=vb-bridged

      [Network]
      Bridge=br0

      [Bridge]
      Isolated=yes
    '';
  };

  systemd.services = {
    "container@" =
      { lib, ... }:
      {
        serviceConfig.TimeoutStartSec = lib.mkForce timeoutStartSec;
      };
    # What a configuration adds to a unit.
    "container@pair" = {
      preStart = "echo before >>/run/added";
      postStart = "echo after >>/run/added";
    };
  };
}
