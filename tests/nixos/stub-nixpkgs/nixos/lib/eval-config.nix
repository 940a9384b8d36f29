# SPDX-License-Identifier: MIT
# In the place of the evaluation of a container's own system.
_: { config.system.build.toplevel = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-nixos-system"; }
