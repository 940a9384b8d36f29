# SPDX-License-Identifier: MIT
# Used as URL?dir=hooks/nixos.
{
  description = "NixOS containers run by static programs in the place of shell scripts";

  # For packages, overlay and checks; the module takes the nixpkgs of the system that imports it.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { nixpkgs, ... }:
    let
      forAllSystems =
        f:
        nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (system: f nixpkgs.legacyPackages.${system});
    in
    {
      nixosModules.default = {
        imports = [ ./default.nix ];
      };

      # pkgsStatic.container-init has the static programs.
      overlays.default = final: _: { container-init = final.callPackage ./package.nix { }; };

      packages = forAllSystems (pkgs: rec {
        default = static;
        static = pkgs.pkgsStatic.callPackage ./package.nix { };
        dynamic = pkgs.callPackage ./package.nix { };
      });

      checks = forAllSystems (pkgs: import ./tests.nix { inherit (pkgs) lib testers; });
    };
}
