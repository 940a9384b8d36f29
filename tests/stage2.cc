// A stage 2 for tests and the demo: one static file that needs nothing else in its root.
//
//   stage2 report [ARG...]  prints what it was started with, a line each
//   stage2 wait             prints "ready", then waits for SIGRTMIN+3 and exits with 0

#include <dirent.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

// In glibc's numbers, as systemd-nspawn sends it.
constexpr int kStopSignal = 37;

void print_descriptors() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.' || std::atoi(entry->d_name) == dirfd(directory)) continue;
    char target[256] = {};
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    if (readlink(path.c_str(), target, sizeof(target) - 1) >= 0)
      std::printf("fd %s %s\n", entry->d_name, target);
  }
  closedir(directory);
}

void print_signals() {
  std::FILE* status = std::fopen("/proc/self/status", "re");
  if (status == nullptr) return;
  char line[256];
  while (std::fgets(line, sizeof(line), status) != nullptr)
    if (std::strncmp(line, "Sig", 3) == 0 || std::strncmp(line, "ShdPnd", 6) == 0)
      std::fputs(line, stdout);
  std::fclose(status);
}

int report(char** argv) {
  for (; *argv != nullptr; ++argv) std::printf("arg %s\n", *argv);
  for (char** variable = environ; *variable != nullptr; ++variable)
    std::printf("env %s\n", *variable);
  char directory[256] = {};
  if (getcwd(directory, sizeof(directory)) != nullptr) std::printf("cwd %s\n", directory);
  print_descriptors();
  print_signals();
  return 0;
}

// As systemd does: the signal stays blocked and is read from a descriptor.
int wait_for_stop() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, kStopSignal);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  const int signals = signalfd(-1, &stop, SFD_CLOEXEC);
  std::puts("ready");
  std::fflush(stdout);
  signalfd_siginfo received;
  return read(signals, &received, sizeof(received)) == sizeof(received) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 2 && std::strcmp(argv[1], "report") == 0) return report(argv);
  if (argc == 2 && std::strcmp(argv[1], "wait") == 0) return wait_for_stop();
  std::fputs("usage: stage2 report [ARG...] | wait\n", stderr);
  return 64;
}
