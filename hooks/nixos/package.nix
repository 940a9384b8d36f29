# SPDX-License-Identifier: MIT
# The programs and manual pages, for callPackage: pkgsStatic makes them static, pkgs dynamic.
{
  lib,
  stdenv,
  buildPackages,
  catch2_3,
  fmt,
  libmnl,
  pkg-config,
}:
let
  top = toString ../..;
  needed = [
    "LICENSE"
    "Makefile"
    "common"
    "hooks"
    "init"
    "man"
    "tests/lib"
    "tests/tests.mk"
    "tests/unit"
  ];
  isNeeded =
    path:
    let
      relative = lib.removePrefix "${top}/" (toString path);
    in
    relative == "tests"
    || (
      !lib.hasPrefix "hooks/nixos" relative
      && lib.any (one: relative == one || lib.hasPrefix "${one}/" relative) needed
    );
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
  buildInputs = [
    fmt
    libmnl
  ];
  checkInputs = [ catch2_3 ];

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
      [
        "STATIC=yes"
        "LINK_FLAGS=-static"
      ]
    else
      [ "STATIC=no" ]
  );

  # The unit tests; the others need root.
  doCheck = stdenv.buildPlatform.canExecute stdenv.hostPlatform;
  checkTarget = "build/tests/unit-tests";
  postCheck = "build/tests/unit-tests";

  # The module has no units of these names: systemd.packages takes them from here. No program is for a
  # user's PATH; the link is what meta.mainProgram stands for.
  postInstall = ''
    mkdir $out/bin
    ln -s ../libexec/container-init/container-init $out/bin
    install -D --mode=644 -t $out/lib/systemd/system $out/share/container-init/container-links.*
    rm $out/share/container-init/container-links.*
  '';

  doInstallCheck = stdenv.buildPlatform.canExecute stdenv.hostPlatform;
  installCheckPhase = ''
    for program in $out/libexec/container-init/*; do
      $program --version
    done
  '';

  # Of the machine that builds: those of pkgsStatic would make static systems.
  passthru.tests = import ./tests.nix { inherit (buildPackages) lib testers; };

  meta = {
    description = "Static programs in the place of the shell scripts around systemd-nspawn containers";
    license = lib.licenses.mit;
    maintainers = [ ];
    mainProgram = "container-init";
    platforms = lib.platforms.linux;
  };
}
