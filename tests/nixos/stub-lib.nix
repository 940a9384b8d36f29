# SPDX-License-Identifier: MIT
# As much of nixpkgs' lib as package.nix uses, for tests without nixpkgs.
{
  removePrefix =
    prefix: text:
    let
      length = builtins.stringLength prefix;
    in
    if builtins.substring 0 length text == prefix then builtins.substring length (-1) text else text;
  splitString = separator: text: builtins.filter builtins.isString (builtins.split separator text);
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
