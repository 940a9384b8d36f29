/* SPDX-License-Identifier: MIT */
/* usage: floor BATCH [PROGRAM [ARG...]]
 *
 * The least that anything can do which configures a network over rtnetlink: sends BATCH, netlink
 * messages in hexadecimal of which the last asks for an acknowledgement, reads that one and
 * executes PROGRAM. No look-up, no check, no error is reported. What container-init takes longer is
 * its own doing. An empty BATCH is not sent. Exit status 71 where the kernel refuses a change:
 * nothing was measured then.
 */
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

static int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/* Types come in groups of four, NEW, DEL, GET, SET. */
static int is_change(const char* batch) {
  return (((const struct nlmsghdr*)batch)->nlmsg_type & 3) != 2;
}

/* Of the first operation that failed, as an error is sent before the acknowledgement. */
static int error_in(const char* answer) {
  return ((const struct nlmsgerr*)NLMSG_DATA(answer))->error;
}

int main(int argc, char** argv) {
  static _Alignas(struct nlmsghdr) char batch[65536], answer[4096];
  size_t size = 0;
  for (const char* hex = argv[1]; *hex; hex += 2)
    batch[size++] = (char)(digit(hex[0]) << 4 | digit(hex[1]));
  if (size == 0) return execv(argv[2], argv + 2);
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  sendto(fd, batch, size, 0, (struct sockaddr*)&kernel, sizeof kernel);
  recv(fd, answer, sizeof answer, 0);
  if (is_change(batch) && error_in(answer) != 0) return 71;
  if (argc > 2) execv(argv[2], argv + 2);
  return 0;
}
