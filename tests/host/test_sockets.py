# SPDX-License-Identifier: MIT
"""A container that starts with its first connection."""

import socket

import manual
from container import wait_until
from host import DROP_INS, LONG, succeed

PAGE = "/usr/local/share/man/man8/container@.service.8"
SOCKET = "/etc/systemd/system/container@web.socket"
ADDRESS = ("127.0.0.1", 8080)
# As sd_listen_fds(3) has it: sockets that are for another process are not taken.
SERVER = """\
import os, socket
assert os.environ["LISTEN_FDS"] == "1" and os.environ["LISTEN_PID"] == str(os.getpid())
server = socket.socket(fileno=3)
for _ in range(2):
    accepted, _ = server.accept()
    accepted.sendall(b"served")
    accepted.close()
"""


def fetch():
    with socket.create_connection(ADDRESS, timeout=LONG) as connection:
        return connection.recv(100)


def test_socket_activation(host, debian):
    """The socket is the manual's. The program ends after two connections, and the third starts it again."""
    web, _ = debian(PRIVATE_NETWORK="1", COMMAND='"/usr/bin/python3 /server.py"')
    (web.root / "server.py").write_text(SERVER)
    DROP_INS.mkdir(exist_ok=True)
    unit = DROP_INS / "container@web.socket"
    unit.write_text(manual.files(PAGE, SOCKET)[SOCKET])
    succeed("systemctl", "daemon-reload")
    succeed("systemctl", "start", unit.name)
    try:
        assert web.state() == "inactive"
        assert [fetch(), fetch()] == [b"served"] * 2
        wait_until(lambda: web.state() == "inactive", pause=0.1, seconds=LONG)
        assert fetch() == b"served"
        assert web.state() == "active"
    finally:
        succeed("systemctl", "stop", unit.name, web.service)
        unit.unlink()
        succeed("systemctl", "daemon-reload")
