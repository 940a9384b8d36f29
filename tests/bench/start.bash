#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The start as a script does it: the root, resolv.conf, the options.
set -e
: "${root:?}"
mkdir -p "$root/usr/bin" "$root/etc" "$root/var/lib"
chmod 0755 "$root/usr/bin" "$root/etc" "$root/var/lib"
mkdir -p "$root/var/lib/private" "$root/root" /run/containers
chmod 0700 "$root/var/lib/private" "$root/root" /run/containers
if ! [ -e "$root/etc/os-release" ] && ! [ -h "$root/etc/os-release" ]; then
  touch "$root/etc/os-release"
fi
if ! [ -e "$root/etc/machine-id" ]; then
  touch "$root/etc/machine-id"
fi
cp --remove-destination /etc/resolv.conf "$root/etc/resolv.conf"
flags=()
if [ -n "$HOST_ADDRESS$LOCAL_ADDRESS$HOST_ADDRESS6$LOCAL_ADDRESS6" ]; then
  flags+=(--network-veth)
fi
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
# shellcheck disable=SC2086 # flags are several words
exec systemd-nspawn --keep-unit -M "$INSTANCE" -D "$root" "${flags[@]}" --notify-ready=yes \
  --kill-signal=SIGRTMIN+3 --link-journal=try-guest \
  --setenv=HOST_ADDRESS="$HOST_ADDRESS" --setenv=HOST_ADDRESS6="$HOST_ADDRESS6" \
  --setenv=LOCAL_ADDRESS="$LOCAL_ADDRESS" --setenv=LOCAL_ADDRESS6="$LOCAL_ADDRESS6" \
  $EXTRA_NSPAWN_FLAGS /container-init /sbin/init
