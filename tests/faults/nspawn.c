/* SPDX-License-Identifier: MIT */
/* In systemd-nspawn's place, with hardly a system call of its own: runs until it is asked to end,
 * or ends at once where NSPAWN_ENDS is set. */
#include <signal.h>
#include <stdlib.h>

int main(void) {
  sigset_t term;
  int taken;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL);
  if (getenv("NSPAWN_ENDS") == NULL) sigwait(&term, &taken);
  return 0;
}
