# SPDX-License-Identifier: MIT
# As much of nixpkgs as package.nix and flake.nix take, made of this machine's tools: Nix builds the
# package with it in a store of its own, without a network.
{
  lib,
  isStatic,
  # A directory with lib/pkgconfig/libmnl.pc, as the package of nixpkgs has it.
  libmnl,
  system ? builtins.currentSystem,
}@arguments:
let
  pkgs = {
    inherit lib libmnl;
    catch2_3 = null;
    fmt = null;
    pkg-config = null;

    callPackage =
      path: _:
      let
        package = import path;
      in
      package (builtins.intersectAttrs (builtins.functionArgs package) pkgs);
    buildPackages = pkgs;
    pkgsStatic = import ./machine-pkgs.nix (arguments // { isStatic = true; });

    # A derivation in the place of one that runs the test.
    testers.runNixOSTest =
      { name, nodes, testScript }:
      derivation {
        inherit name system;
        builder = "/bin/false";
      };

    stdenv = {
      hostPlatform = { inherit isStatic; };
      buildPlatform.canExecute = _: true;
      # The phases of nixpkgs' stdenv that the package uses.
      mkDerivation =
        arguments:
        derivation (
          builtins.removeAttrs arguments [
            "meta"
            "passthru"
          ]
          // {
            inherit system;
            name = "${arguments.pname}-${arguments.version}";
            builder = "/usr/bin/unshare";
            args = [
              "--net"
              "/bin/sh"
              "-euc"
              ''
                cp -R "$src" source && chmod -R u+w source && cd source
                make -j"$NIX_BUILD_CORES" $makeFlags
                [ -z "$doCheck" ] || { make -j"$NIX_BUILD_CORES" $makeFlags $checkTarget && eval "$postCheck"; }
                make $makeFlags install
                eval "$postInstall"
                [ -z "$doInstallCheck" ] || eval "$installCheckPhase"
              ''
            ];
            PATH = "/usr/bin:/bin";
            PKG_CONFIG_PATH = "${libmnl}/lib/pkgconfig";
            # The compiler of pkgsStatic adds -static.
            CXX = "g++${if isStatic then " -static" else ""}";
            # Without optimization, as the result is only looked at.
            CXXFLAGS = "-O0";
            # Once is enough.
            doCheck = arguments.doCheck && !isStatic;
          }
        )
        // {
          inherit (arguments) meta passthru;
        };
    };
  };
in
pkgs
