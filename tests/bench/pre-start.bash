#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The cleaning-up as a script does it: always asks machinectl, always tries to delete.
machinectl terminate "$INSTANCE" 2>/dev/null || true
ip link del dev "ve-$INSTANCE" 2>/dev/null || true
ip link del dev "vb-$INSTANCE" 2>/dev/null || true
for pair in $EXTRA_VETHS; do
  ip link del dev "${pair%%,*}" 2>/dev/null || true
done
