# SPDX-License-Identifier: MIT
# NixOS tests of the module in virtual machines: { NAME = derivation; }. One of them is built by
#     nix build .#checks.x86_64-linux.pair        in this directory, or
#     nix-build -E 'with import <nixpkgs> { }; (callPackage ./package.nix { }).tests.pair'
{ lib, testers }:
let
  module = {
    imports = [ ./default.nix ];
    virtualisation.container-init.enable = true;
  };

  # Answers on port 80 of the container.
  web = {
    services.httpd = {
      enable = true;
      adminAddr = "admin@example.org";
    };
    networking.firewall.allowedTCPPorts = [ 80 ];
  };
  pair = {
    privateNetwork = true;
    hostAddress = "10.231.136.1";
    localAddress = "10.231.136.2";
    hostAddress6 = "fd00:231::1";
    localAddress6 = "fd00:231::2";
  };

  # Whether a unit of the machine runs the programs.
  isOurs = "grep -q 'ExecStart=.*/libexec/container-init/start'";

  tests = {
    pair = {
      nodes.machine = {
        imports = [ module ];
        containers.web = pair // {
          autoStart = true;
          config = web;
        };
      };
      testScript = ''
        machine.wait_for_unit("container@web.service")
        machine.succeed("systemctl cat container@web.service | ${isOurs}")
        with subtest("Host and container reach each other over both families"):
            machine.succeed("ping -n -c 1 10.231.136.2", "ping -n -c 1 fd00:231::2")
            machine.succeed("nixos-container run web -- ping -n -c 1 10.231.136.1")
            machine.succeed("nixos-container run web -- ping -n -c 1 fd00:231::1")
            machine.succeed("ping -n -c 1 web.containers")
        with subtest("The container's service answers"):
            machine.wait_until_succeeds("curl --fail http://10.231.136.2/")
        with subtest("A stop removes the link, and a start makes it again"):
            machine.succeed("systemctl stop container@web.service")
            machine.wait_until_fails("ip link show dev ve-web")
            machine.succeed("systemctl start container@web.service", "ping -n -c 1 10.231.136.2")
      '';
    };

    bridge = {
      nodes.machine = {
        imports = [ module ];
        networking.bridges = {
          br0.interfaces = [ ];
          br1.interfaces = [ ];
        };
        networking.interfaces.br0.ipv4.addresses = [
          {
            address = "192.168.0.1";
            prefixLength = 24;
          }
        ];
        networking.interfaces.br1.ipv4.addresses = [
          {
            address = "192.168.1.1";
            prefixLength = 24;
          }
        ];
        containers.web = {
          autoStart = true;
          privateNetwork = true;
          hostBridge = "br0";
          localAddress = "192.168.0.100/24";
          extraVeths = {
            lan = {
              hostBridge = "br1";
              localAddress = "192.168.1.100/24";
            };
            point = {
              hostAddress = "192.168.2.1";
              localAddress = "192.168.2.100";
            };
          };
          container-init.variables.LOCAL_GATEWAY = "192.168.0.1";
          config = { };
        };
      };
      testScript = ''
        machine.wait_for_unit("container@web.service")
        machine.succeed("ping -n -c 1 192.168.0.100", "ping -n -c 1 192.168.1.100", "ping -n -c 1 192.168.2.100")
        machine.succeed("nixos-container run web -- ip route show default | grep -q 'via 192.168.0.1 dev eth0'")
        with subtest("A bridge that is made anew gets its port back"):
            machine.succeed("ip link delete br0", "ip link add br0 type bridge", "ip link set dev br0 up")
            machine.succeed("ip address replace 192.168.0.1/24 dev br0")
            machine.wait_until_succeeds("ping -n -c 1 192.168.0.100")
      '';
    };

    imperative = {
      nodes.machine = {
        imports = [ module ];
        # Its system is that of the containers that are created.
        containers.declared = {
          config = { };
        };
      };
      testScript =
        { nodes, ... }:
        ''
          create = "nixos-container create {} --system-path ${nodes.machine.containers.declared.path}"
          addresses = " --host-address 10.232.{0}.1 --local-address 10.232.{0}.2"
          for number, name in enumerate(["one", "two"]):
              machine.succeed(create.format(name) + addresses.format(number))
              machine.succeed(f"nixos-container start {name}")
              machine.succeed(f"systemctl cat container@{name}.service | ${isOurs}")
              machine.succeed(f"ping -n -c 1 10.232.{number}.2")
          machine.succeed("nixos-container run one -- ping -n -c 1 10.232.0.1")
          machine.succeed("nixos-container stop one", "nixos-container start one", "ping -n -c 1 10.232.0.2")
          machine.succeed("nixos-container destroy one")
          machine.wait_until_fails("ip link show dev ve-one")
        '';
    };

    # A service of the container that is part of its boot and waits for an answer of the host. The stock
    # module gives the host's end its address when the container has booted, which it never does.
    early = rec {
      nodes.stock.containers.web = pair // {
        timeoutStartSec = "30s";
        config =
          { pkgs, ... }:
          {
            systemd.services.register = {
              wantedBy = [ "multi-user.target" ];
              before = [ "multi-user.target" ];
              serviceConfig.Type = "oneshot";
              script = "until ${pkgs.iputils}/bin/ping -n -c 1 10.231.136.1; do sleep 1; done";
            };
          };
      };
      nodes.programs.imports = [
        module
        nodes.stock
      ];
      testScript = ''
        start_all()
        for node in stock, programs:
            node.wait_for_unit("multi-user.target")
        programs.succeed("systemctl start container@web.service", "ping -n -c 1 10.231.136.2")
        stock.fail("systemctl start container@web.service")
      '';
    };

    reload = {
      nodes.machine = {
        imports = [ module ];
        containers.web = pair // {
          autoStart = true;
          restartIfChanged = false;
          config.environment.etc.generation.text = lib.mkDefault "first";
        };
        specialisation.system.configuration.containers.web.config.environment.etc.generation.text = "second";
        specialisation.address.configuration.containers.web = {
          hostAddress = lib.mkForce "10.231.137.1";
          localAddress = lib.mkForce "10.231.137.2";
        };
      };
      testScript = ''
        def switch_to(name):
            machine.succeed(f"/run/booted-system/specialisation/{name}/bin/switch-to-configuration test")
            machine.succeed("systemctl reload container@web.service")

        machine.wait_for_unit("container@web.service")
        leader = "machinectl show --property=Leader web"
        machine.succeed(f"{leader} >/tmp/leader", "nixos-container run web -- grep first /etc/generation")
        with subtest("Another system"):
            switch_to("system")
            machine.succeed("nixos-container run web -- grep second /etc/generation")
        with subtest("Other addresses"):
            switch_to("address")
            machine.succeed("ping -n -c 1 10.231.137.2", "nixos-container run web -- ping -n -c 1 10.231.137.1")
            machine.fail("ip address show dev ve-web | grep -F 10.231.136.1")
            machine.succeed("ping -n -c 1 fd00:231::2")
        machine.succeed(f"{leader} | diff - /tmp/leader")
      '';
    };

    ephemeral = {
      nodes.machine = {
        imports = [ module ];
        containers.web = pair // {
          ephemeral = true;
          config = { };
        };
      };
      testScript = ''
        machine.wait_for_unit("multi-user.target")
        for _ in range(2):
            machine.succeed("systemctl start container@web.service", "ping -n -c 1 10.231.136.2")
            machine.fail("nixos-container run web -- test -e /root/left")
            machine.succeed("nixos-container run web -- touch /root/left")
            machine.fail("test -e /var/lib/nixos-containers/web/root/left")
            machine.succeed("systemctl stop container@web.service")
      '';
    };

    # What README.md says of enabling the module and of going back.
    off = {
      nodes.machine = {
        imports = [ module ];
        containers.web = pair // {
          autoStart = true;
          config = { };
        };
        specialisation.off.configuration.virtualisation.container-init.enable = lib.mkForce false;
      };
      testScript = ''
        def switch_to(system):
            machine.succeed(f"{system}/bin/switch-to-configuration test")
            machine.wait_for_unit("container@web.service")
            machine.succeed("ping -n -c 1 10.231.136.2", "ping -n -c 1 fd00:231::2")

        machine.wait_for_unit("container@web.service")
        with subtest("Off"):
            switch_to("/run/booted-system/specialisation/off")
            machine.fail("systemctl cat container@web.service | ${isOurs}")
        with subtest("On again"):
            switch_to("/run/booted-system")
            machine.succeed("systemctl cat container@web.service | ${isOurs}")
      '';
    };
  };
in
lib.mapAttrs (name: test: testers.runNixOSTest (test // { name = "container-init-${name}"; })) tests
