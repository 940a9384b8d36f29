# SPDX-License-Identifier: MIT
# Containers that between them use every option of containers.<name>.
let
  pair = {
    path = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-nixos-system";
    privateNetwork = true;
    hostAddress = "10.0.0.1";
    localAddress = "10.0.0.2";
  };
in
{
  containers = {
    host.config = { };

    own = {
      config = { };
      nixpkgs = ./stub-nixpkgs;
      specialArgs.colour = "blue";
      privateNetwork = true;
      copyResolvConf = false;
    };

    pair = pair // {
      autoStart = true;
      restartIfChanged = false;
      timeoutStartSec = "5min";
    };

    pair6 = pair // {
      hostAddress6 = "fd00::1";
      localAddress6 = "fd00::2";
      localMacAddress = "02:00:00:00:00:01";
    };

    networks = pair // {
      hostAddress = "10.1.0.1/24";
      localAddress = "10.2.0.2/24";
      hostAddress6 = "fd01::1/64";
      localAddress6 = "fd02::2/64";
    };

    local-only = pair // { hostAddress = null; };
    host-only = pair // { localAddress = null; };
    mac-only = pair // {
      hostAddress = null;
      localAddress = null;
      localMacAddress = "02:00:00:00:00:02";
    };

    bridge = pair // {
      hostAddress = null;
      localAddress = "192.168.1.20/24";
      localAddress6 = "fd03::20/64";
      hostBridge = "br0";
    };
    bridge-only = pair // {
      hostAddress = null;
      localAddress = null;
      hostBridge = "br0";
    };

    ports = pair // {
      forwardPorts = [
        { hostPort = 80; }
        { protocol = "udp"; hostPort = 8053; containerPort = 53; }
      ];
    };

    extra-pairs = pair // {
      extraVeths = {
        lan0 = {
          hostBridge = "br1";
          localAddress = "192.168.7.2/24";
          localMacAddress = "02:00:00:00:00:03";
          forwardPorts = [ { hostPort = 443; } ];
        };
        db0 = {
          hostAddress = "10.3.0.1";
          localAddress = "10.3.0.2";
          hostAddress6 = "fd04::1";
          localAddress6 = "fd04::2";
        };
        empty0 = { };
      };
    };
    extra-alone = {
      path = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-nixos-system";
      extraVeths.ext0.hostAddress = "10.4.0.1";
    };

    links = {
      config = { };
      interfaces = [ "eth1" "eth2" ];
      macvlans = [ "eth3" ];
      autoStart = true;
    };

    namespace = {
      config = { };
      networkNamespace = "/run/netns/blue";
    };
    namespace-macvlan = {
      config = { };
      networkNamespace = "/run/netns/blue";
      macvlans = [ "eth3" ];
    };

    users = pair // { privateUsers = "pick"; };
    users-number = pair // { privateUsers = 65536; };
    users-identity = pair // { privateUsers = "identity"; };

    tun = {
      config = { };
      enableTun = true;
    };
    capable = {
      config = { };
      enableTun = true;
      additionalCapabilities = [ "CAP_MKNOD" "CAP_SYS_TIME" ];
      allowedDevices = [ { node = "/dev/fuse"; modifier = "rw"; } ];
    };

    scratch = pair // {
      ephemeral = true;
      tmpfs = [ "/var" "/srv/cache:mode=0755,size=64M" ];
    };

    binds = {
      config = { };
      bindMounts = {
        "/data".hostPath = "/srv/data";
        "/same".isReadOnly = false;
        "other name" = { mountPoint = "/other"; hostPath = "/srv/other"; isReadOnly = false; };
      };
      extraFlags = [ "--drop-capability=CAP_SYS_CHROOT" "--setenv=A=b  --setenv=C=d" ];
    };
    white-space = {
      config = { };
      bindMounts."/data".hostPath = "/srv/my data";
    };
    # What the script takes literally and a shell does not.
    literal = {
      config = { };
      bindMounts = {
        "/it's".hostPath = "/srv/it's";
        "/colon".hostPath = "/srv/a\\:b";
        "/escaped".hostPath = "/srv/a\\\\b";
      };
      extraFlags = [ "--setenv=A=$HOME;&|<>()*?[]{}~#!" "--setenv=B=\"quoted\"" "--setenv=C=`d`" ];
    };

    flake-made = {
      flake = "github:example/web";
      privateNetwork = true;
      hostAddress = "10.5.0.1";
      localAddress = "10.5.0.2";
    };

    really-long-name = pair // { hostAddress6 = "fd05::1"; };
  };
}
