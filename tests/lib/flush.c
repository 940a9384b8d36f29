// SPDX-License-Identifier: MIT
// Linked into all that `make coverage` runs. libgcov writes the counts at exit(3); this does so
// before _exit(2) and before another program is executed, too.
#define _GNU_SOURCE
#include <errno.h>
#include <gcov.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The linker's --wrap=NAME lets calls of NAME lead to __wrap_NAME, and __real_NAME to what it was.
void __real__exit(int status) __attribute__((noreturn));
int __real_execve(const char* path, char* const* arguments, char* const* environment);
long __real_syscall(long number, ...);

// Other users write to the same files, whose directories are open to all. Where they cannot be
// written, as in a container's root that is read-only, nothing may be said.
static void flush(void) {
  static char* environment_of_libgcov[] = {"GCOV_ERROR_FILE=/dev/null", NULL};
  const int error = errno;
  char** const environment = environ;
  const mode_t mask = umask(0);
  environ = environment_of_libgcov;
  __gcov_dump();
  umask(mask);
  environ = environment;
  errno = error;
}

__attribute__((destructor)) static void flush_at_exit(void) { flush(); }

void __wrap__exit(int status) {
  flush();
  __real__exit(status);
}

// What follows a failure counts again.
int __wrap_execve(const char* path, char* const* arguments, char* const* environment) {
  flush();
  const int result = __real_execve(path, arguments, environment);
  __gcov_reset();
  return result;
}

long __wrap_syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long words[6];  // as many as a system call can have
  for (int i = 0; i < 6; ++i) words[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_execveat) flush();
  const long result =
      __real_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
  if (number == SYS_execveat) __gcov_reset();
  return result;
}
