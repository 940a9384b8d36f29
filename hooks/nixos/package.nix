# SPDX-License-Identifier: MIT
# The programs and manual pages, for callPackage: pkgsStatic makes them static, pkgs dynamic.
{
  lib,
  stdenv,
  fmt,
  libmnl,
  pkg-config,
}:
let
  top = toString ../..;
  needed = [ "Makefile" "LICENSE" "common" "hooks" "init" "man" ];
  isNeeded =
    path:
    let
      relative = lib.removePrefix "${top}/" (toString path);
    in
    relative != "hooks/nixos" && builtins.elem (builtins.head (lib.splitString "/" relative)) needed;
in
stdenv.mkDerivation {
  pname = "container-init";
  version = builtins.head (
    builtins.match ".*kVersion = \"([^\"]*)\".*" (builtins.readFile ../../common/base/version.h)
  );

  src = lib.cleanSourceWith {
    name = "container-init-source";
    src = ../..;
    filter = path: _: isNeeded path;
  };

  strictDeps = true;
  enableParallelBuilding = true;
  nativeBuildInputs = [ pkg-config ];
  buildInputs = [ fmt libmnl ];

  # The unit is an example here: below lib/systemd it would be merged into that of the containers module.
  makeFlags = [
    "INSTALL_DEPS=no"
    "PREFIX=${placeholder "out"}"
    "UNITDIR=${placeholder "out"}/share/container-init"
    "MODULESDIR=${placeholder "out"}/share/container-init/modules-load.d"
    "TMPFILESDIR=${placeholder "out"}/share/container-init/tmpfiles.d"
    "SYSCTLDIR=${placeholder "out"}/share/container-init/sysctl.d"
  ]
  ++ (
    if stdenv.hostPlatform.isStatic then
      # The compiler of pkgsStatic adds -static to every link, which rules -static-pie out.
      [ "STATIC=yes" "LINK_FLAGS=-static" ]
    else
      [ "STATIC=no" ]
  );

  # The module has no units of these names: systemd.packages takes them from here.
  postInstall = ''
    install -D --mode=644 -t $out/lib/systemd/system $out/share/container-init/container-links.*
    rm $out/share/container-init/container-links.*
  '';

  doInstallCheck = stdenv.buildPlatform.canExecute stdenv.hostPlatform;
  installCheckPhase = ''
    for program in $out/libexec/container-init/*; do
      $program --version
    done
  '';

  meta = {
    description = "Static programs in the place of the shell scripts around systemd-nspawn containers";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
  };
}
