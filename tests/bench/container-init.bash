#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The container's end as a script does it: a process for every link, address and route.
set -e
if [ -n "$HOST_ADDRESS$HOST_ADDRESS6$LOCAL_ADDRESS$LOCAL_ADDRESS6" ]; then
  ip link set host0 name eth0
  ip link set dev eth0 up
  [ -z "$LOCAL_ADDRESS" ] || ip address add "$LOCAL_ADDRESS" dev eth0
  [ -z "$LOCAL_ADDRESS6" ] || ip -6 address add "$LOCAL_ADDRESS6" dev eth0 nodad
  if [ -n "$HOST_ADDRESS" ]; then
    ip route add "$HOST_ADDRESS" dev eth0
    ip route add default via "$HOST_ADDRESS"
  fi
  if [ -n "$HOST_ADDRESS6" ]; then
    ip -6 route add "$HOST_ADDRESS6" dev eth0
    ip -6 route add default via "$HOST_ADDRESS6"
  fi
fi
for pair in $EXTRA_VETHS; do
  name=${pair%%,*}
  keys=,${pair#*,},
  host=${keys#*,HOST_ADDRESS=} local=${keys#*,LOCAL_ADDRESS=}
  ip link set dev "$name" up
  ip address add "${local%%,*}" dev "$name"
  ip route add "${host%%,*}" dev "$name"
done
exec "$@"
