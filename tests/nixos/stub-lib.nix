# SPDX-License-Identifier: MIT
# As much of nixpkgs' lib as package.nix, tests.nix and flake.nix use, for tests without nixpkgs.
rec {
  inherit (builtins) mapAttrs;
  genAttrs =
    names: f:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = f name;
      }) names
    );
  mkDefault = value: value;
  mkForce = value: value;
  any = condition: list: builtins.filter condition list != [ ];
  hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
  removePrefix =
    prefix: text:
    if hasPrefix prefix text then builtins.substring (builtins.stringLength prefix) (-1) text else text;
  licenses.mit = "MIT";
  platforms.linux = [ "x86_64-linux" ];
  # The files that the filter lets through, in the store.
  cleanSourceWith =
    { name, src, filter }:
    builtins.path {
      inherit name filter;
      path = src;
    };
}
