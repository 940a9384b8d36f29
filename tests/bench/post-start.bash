#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The host's end as a script does it.
set -e
ip link set dev "ve-$INSTANCE" up
[ -z "$HOST_ADDRESS" ] || ip address add "$HOST_ADDRESS" dev "ve-$INSTANCE"
[ -z "$HOST_ADDRESS6" ] || ip -6 address add "$HOST_ADDRESS6" dev "ve-$INSTANCE" nodad
[ -z "$LOCAL_ADDRESS" ] || ip route add "$LOCAL_ADDRESS" dev "ve-$INSTANCE"
[ -z "$LOCAL_ADDRESS6" ] || ip -6 route add "$LOCAL_ADDRESS6" dev "ve-$INSTANCE"
for pair in $EXTRA_VETHS; do
  name=${pair%%,*}
  keys=,${pair#*,},
  host=${keys#*,HOST_ADDRESS=} local=${keys#*,LOCAL_ADDRESS=}
  ip link set dev "$name" up
  ip address add "${host%%,*}" dev "$name"
  ip route add "${local%%,*}" dev "$name"
done
