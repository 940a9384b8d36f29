# SPDX-License-Identifier: MIT
# Used as URL?dir=hooks/nixos.
{
  description = "NixOS containers run by static programs in the place of shell scripts";

  outputs = _: {
    nixosModules.default = {
      imports = [ ./default.nix ];
    };
  };
}
