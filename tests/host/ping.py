# SPDX-License-Identifier: MIT
"""Pings that are sent many times a second, until one of them is answered."""

import ipaddress
import os
import socket
import struct

from container import wait_until
from host import LONG

# By IP version: family and protocol, types of request and reply, bytes before the reply.
KINDS = {4: (socket.AF_INET, socket.IPPROTO_ICMP, 8, 0, 20),
         6: (socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129, 0)}


def checksum(packet):
    total = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def echo_request(kind):
    """For IPv6 the kernel fills in the checksum, which is another."""
    head = struct.pack("!BBHHH", kind, 0, 0, os.getpid() & 0xffff, 1)
    return struct.pack("!BBHHH", kind, 0, checksum(head), os.getpid() & 0xffff, 1)


def wait_for_answer(address, seconds=LONG, pause=0.005):
    """Until the first ping is answered."""
    wanted = ipaddress.ip_address(address)
    family, protocol, request, reply, offset = KINDS[wanted.version]
    with socket.socket(family, socket.SOCK_RAW, protocol) as pinger:
        pinger.settimeout(0.01)

        def is_answer(packet, sender):
            return ipaddress.ip_address(sender[0]) == wanted and packet[offset] == reply

        def answered():
            try:
                pinger.sendto(echo_request(request), (address, 0))
                while not is_answer(*pinger.recvfrom(1024)):
                    pass  # those of neighbour discovery come here, too
            except OSError:  # no route yet, or no answer
                return False
            return True

        wait_until(answered, seconds=seconds, pause=pause)
