# SPDX-License-Identifier: MIT
# As much of nixpkgs as package.nix takes, made of this machine's tools: Nix builds the package with it
# in a store of its own, without a network.
{
  lib,
  isStatic,
  # A directory with lib/pkgconfig/libmnl.pc, as the package of nixpkgs has it.
  libmnl,
}:
{
  inherit lib libmnl;
  fmt = null;
  pkg-config = null;

  stdenv = {
    hostPlatform = { inherit isStatic; };
    buildPlatform.canExecute = _: true;
    # The phases of nixpkgs' stdenv that the package uses.
    mkDerivation =
      arguments:
      derivation (
        builtins.removeAttrs arguments [ "meta" ]
        // {
          name = "${arguments.pname}-${arguments.version}";
          system = builtins.currentSystem;
          builder = "/usr/bin/unshare";
          args = [ "--net" "/bin/sh" "-euc" ''
            cp -R "$src" source && chmod -R u+w source && cd source
            make -j"$NIX_BUILD_CORES" $makeFlags
            make $makeFlags install
            eval "$postInstall"
            [ -z "$doInstallCheck" ] || eval "$installCheckPhase"
          '' ];
          PATH = "/usr/bin:/bin";
          PKG_CONFIG_PATH = "${libmnl}/lib/pkgconfig";
          # The compiler of pkgsStatic adds -static.
          CXX = "g++${if isStatic then " -static" else ""}";
          # Without optimization, as the result is only looked at.
          CXXFLAGS = "-O0";
        }
      );
  };
}
