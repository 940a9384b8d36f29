# SPDX-License-Identifier: MIT
# What the options of containers.<name> mean as variables of container.conf(5), as far as
# nixos-containers.nix writes them into its scripts and not into the container's file; and which
# variables have no option.
let
  inherit (builtins)
    attrNames
    concatLists
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    genList
    isString
    listToAttrs
    match
    replaceStrings
    split
    stringLength
    substring
    toString
    ;

  characters = text: genList (i: substring i 1 text) (stringLength text);
  notEmpty = filter (text: text != "");
  words = text: notEmpty (filter isString (split "[[:space:]]+" text));

  # What systemd reads of the text after NAME= in an EnvironmentFile= (env-file.c): { mode, value }.
  # Quotes are taken off before a word, and literal within one that has begun without.
  readAssigned =
    text:
    let
      # Nearly every text: as a whole, and not character by character.
      plain = match "\"([^\"\\]*)(\"?)" text;
      add = state: mode: value: { inherit mode; value = state.value + value; };
      enter = state: mode: add state mode "";
      step = {
        before =
          state: c:
          if c == "\"" then enter state "double"
          else if c == "'" then enter state "single"
          else if c == "\\" then enter state "escaped"
          else if elem c [ " " "\t" ] then state
          else add state "plain" c;
        plain = state: c: if c == "\\" then enter state "escaped" else add state "plain" c;
        escaped = state: c: add state "plain" c;
        single = state: c: if c == "'" then enter state "before" else add state "single" c;
        double =
          state: c:
          if c == "\"" then enter state "before"
          else if c == "\\" then enter state "doubleEscaped"
          else add state "double" c;
        doubleEscaped =
          state: c: add state "double" (if elem c [ "\"" "\\" "`" "$" ] then c else "\\" + c);
      };
    in
    if plain != null then
      {
        mode = if elemAt plain 1 == "" then "double" else "before";
        value = elemAt plain 0;
      }
    else
      foldl' (state: c: step.${state.mode} state c) { mode = "before"; value = ""; } (characters text);

  # NAME="VALUE" for an EnvironmentFile=.
  assign =
    name: value:
    "${name}=\"${replaceStrings [ "\\" "\"" "$" "`" ] [ "\\\\" "\\\"" "\\$" "\\`" ] (toString value)}\"\n";

  isPlain = word: match "[A-Za-z0-9_.,:/=@%+-]+" word != null;
  quote = word: if isPlain word then word else "'${replaceStrings [ "'" ] [ "'\\''" ] word}'";

  # The same for a text at whose end the reader must be in one of these modes.
  readUntil =
    modes: option: text:
    let
      found = readAssigned text;
    in
    if elem found.mode modes then found.value else throw "${option}: a double quote is not closed";
  readOpen = readUntil [ "double" ];
  readClosed = readUntil [ "before" "plain" ];

  bindFlag =
    mount:
    "--bind${if mount.isReadOnly then "-ro" else ""}="
    + (if mount.hostPath == null then "" else "${mount.hostPath}:")
    + mount.mountPoint;

  # nixos-containers.nix writes them between double quotes, mounts first. The script splits them at
  # white space and takes the rest literally, start reads them as a shell does: where that differs,
  # they are quoted. A bind mount is one flag, whatever is in its paths.
  extraFlags =
    name: container:
    let
      mounts = container.bindMounts;
      binds = map (
        path: readOpen "containers.${name}.bindMounts.\"${path}\"" "\"${bindFlag mounts.${path}}"
      ) (attrNames mounts);
      others = readClosed "containers.${name}.extraFlags" "\"${concatStringsSep " " container.extraFlags}\"";
      literal = binds ++ words others;
    in
    if filter (word: quote word != word) literal == [ ] then
      ""
    else
      concatStringsSep " " (map quote literal);

  # A word of TMPFS or EXTRA_VETHS, or an error that names the option.
  checked =
    option: pattern: form: text:
    if match pattern text != null then
      text
    else
      throw "${option}: \"${text}\" cannot be given to the container; wanted: ${form}";

  pairKeys = {
    hostBridge = "HOST_BRIDGE";
    hostAddress = "HOST_ADDRESS";
    hostAddress6 = "HOST_ADDRESS6";
    localAddress = "LOCAL_ADDRESS";
    localAddress6 = "LOCAL_ADDRESS6";
    localMacAddress = "LOCAL_MAC_ADDRESS";
  };
  extraPair =
    option: pair: link:
    let
      value = key: checked "${option}.${link}.${key}" "[^,[:space:]]+" "text without comma and white space" pair.${key};
      keys = filter (key: (pair.${key} or null) != null) (attrNames pairKeys);
    in
    concatStringsSep "," (
      [ (checked option "[^,:/%[:space:]]{1,15}" "the name of a link, 1 to 15 characters" link) ]
      ++ map (key: "${pairKeys.${key}}=${value key}") keys
    );

  tmpfs =
    name: container:
    map (checked "containers.${name}.tmpfs" "/[^[:space:]]*" "an absolute path without white space") (
      if container.tmpfs == null then [ ] else container.tmpfs
    );

  capabilities =
    name: container:
    map
      (checked "containers.${name}.additionalCapabilities" "[A-Za-z0-9_,]+"
        "the name of a capability; other flags of systemd-nspawn belong into extraFlags")
      (
        (if container.additionalCapabilities == null then [ ] else container.additionalCapabilities)
        ++ (if container.enableTun then [ "CAP_NET_ADMIN" ] else [ ])
      );

  # name -> containers.<name> -> { VARIABLE = "value"; }; a variable that would be empty is left out.
  variables =
    name: container:
    let
      pairs = container.extraVeths;
      all = {
        EXTRA_VETHS = concatStringsSep " " (
          map (link: extraPair "containers.${name}.extraVeths" pairs.${link} link) (attrNames pairs)
        );
        CAPABILITIES = concatStringsSep "," (capabilities name container);
        TMPFS = concatStringsSep " " (tmpfs name container);
        EPHEMERAL = if container.ephemeral then "1" else "";
        EXTRA_NSPAWN_FLAGS = extraFlags name container;
      };
    in
    listToAttrs (
      map (key: {
        name = key;
        value = all.${key};
      }) (filter (key: all.${key} != "") (attrNames all))
    )
    // container.container-init.variables;

  # The same as lines of the container's file.
  lines =
    name: container:
    let
      set = variables name container;
    in
    concatStringsSep "" (map (variable: assign variable set.${variable}) (attrNames set));

  # Variables that are free to be set.
  free = [
    "COMMAND"
    "DEVICE_TIMEOUT"
    "KILL_SIGNAL"
    "LOCAL_GATEWAY"
    "LOCAL_GATEWAY6"
    "MTU"
    "RELOAD_COMMAND"
    "RELOAD_SIGNAL"
    "STAGE2"
    "WAIT_CARRIER"
  ];

  # Those that the unit sets, or the translation of an option relies on.
  fixed = [
    "INSTANCE"
    "LITERAL_NSPAWN_FLAGS"
    "root"
  ];

  # Those that have options of their own, as far as the version of NixOS has these.
  optionsOf = {
    CAPABILITIES = [ "additionalCapabilities" "enableTun" ];
    COPY_RESOLV_CONF = [ "copyResolvConf" ];
    EPHEMERAL = [ "ephemeral" ];
    EXTRA_NSPAWN_FLAGS = [ "extraFlags" "bindMounts" ];
    EXTRA_VETHS = [ "extraVeths" ];
    FLAKE = [ "flake" ];
    HOST_PORT = [ "forwardPorts" ];
    INTERFACES = [ "interfaces" ];
    MACVLANS = [ "macvlans" ];
    NETWORK_NAMESPACE_PATH = [ "networkNamespace" ];
    PRIVATE_NETWORK = [ "privateNetwork" ];
    PRIVATE_USERS = [ "privateUsers" ];
    SYSTEM_PATH = [ "config" "path" ];
    TMPFS = [ "tmpfs" ];
  }
  // listToAttrs (
    map (key: {
      name = pairKeys.${key};
      value = [ key ];
    }) (attrNames pairKeys)
  );

  known = free ++ fixed ++ attrNames optionsOf;

  # ", did you mean NAME?", where there is such a name.
  near =
    lib: variable:
    let
      distance = lib.strings.levenshtein (lib.toUpper variable);
      closest = builtins.head (builtins.sort (a: b: distance a < distance b) known);
    in
    if distance closest <= 2 then ", did you mean ${closest}?" else "";

  # What is wrong with the variables that are set: one text each.
  faults =
    lib: name: container:
    let
      option = key: "containers.${name}.${key}";
      instead = variable: filter (key: container ? ${key}) (optionsOf.${variable} or [ ]);
      fault =
        variable:
        "${option "container-init.variables"}.${variable}: "
        + (
          if !elem variable known then
            "there is no such variable in container.conf(5)${near lib variable}"
          else if elem variable fixed then
            "the module sets this variable"
          else
            "set ${concatStringsSep " or " (map option (instead variable))}, as the variable would take its place"
        );
      isFree = variable: elem variable free || (optionsOf ? ${variable} && instead variable == [ ]);
    in
    map fault (filter (variable: !isFree variable) (attrNames container.container-init.variables));

  # Options that are set and that nothing reads.
  ignored =
    name: container:
    let
      without =
        set: condition: if condition then filter (key: (set.${key} or null) != null && set.${key} != [ ]) else _: [ ];
      ofPair = link: map (key: "extraVeths.${link}.${key}") (without container.extraVeths.${link} true [ "forwardPorts" ]);
      ofContainer = without container (!container.privateNetwork) (attrNames pairKeys ++ [ "forwardPorts" ]);
    in
    map (option: "containers.${name}.${option} has no effect: ports are forwarded to the container's main pair only") (
      concatLists (map ofPair (attrNames container.extraVeths))
    )
    ++ map (option: "containers.${name}.${option} has no effect without containers.${name}.privateNetwork") ofContainer;
in
{
  inherit
    variables
    lines
    known
    faults
    ignored
    ;
}
