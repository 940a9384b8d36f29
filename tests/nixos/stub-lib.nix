# SPDX-License-Identifier: MIT
# As much of nixpkgs' lib as the module and the package use, for tests without nixpkgs. A definition
# with a priority or an order stays visible as what it is.
rec {
  inherit (builtins)
    concatLists
    concatMap
    concatStringsSep
    elem
    filter
    isList
    ;
  hasSuffix =
    suffix: text:
    let
      from = builtins.stringLength text - builtins.stringLength suffix;
    in
    from >= 0 && builtins.substring from (-1) text == suffix;
  removePrefix =
    prefix: text:
    let
      length = builtins.stringLength prefix;
    in
    if builtins.substring 0 length text == prefix then builtins.substring length (-1) text else text;
  splitString = separator: text: filter builtins.isString (builtins.split separator text);
  toList = value: if isList value then value else [ value ];
  optional = condition: value: optionals condition [ value ];
  optionals = condition: list: if condition then list else [ ];
  optionalAttrs = condition: set: if condition then set else { };
  nameValuePair = name: value: { inherit name value; };
  mapAttrsToList = f: set: map (name: f name set.${name}) (builtins.attrNames set);
  mapAttrs' = f: set: builtins.listToAttrs (mapAttrsToList f set);
  filterAttrs =
    keep: set:
    mapAttrs' nameValuePair (
      builtins.removeAttrs set (filter (name: !keep name set.${name}) (builtins.attrNames set))
    );
  versionAtLeast = version: least: builtins.compareVersions version least >= 0;

  mkIf = condition: value: if condition then value else { };
  mkMerge = builtins.foldl' (all: one: all // one) { };
  mkBefore = value: { before = value; };
  mkAfter = value: { after = value; };
  mkDefault = value: { default = value; };
  mkOption = option: option;
  mkEnableOption = description: { inherit description; };
  literalExpression = text: text;
  types = {
    package = "package";
    bool = "bool";
    str = "str";
    int = "int";
    listOf = type: "list of ${type}";
    attrsOf = type: { attrsOf = type; };
    either = one: other: "${one} or ${other}";
    submodule = module: module;
  };

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
