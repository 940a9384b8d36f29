// A stage 2 for tests and the demo: one static file that needs nothing else in its root.
//
//   stage2 report [ARG...]  prints what it was started with, a line each
//   stage2 wait             prints "ready", then waits for SIGRTMIN+3 and exits with 0

#include <dirent.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
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
    std::array<char, 256> target{};
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    if (readlink(path.c_str(), target.data(), target.size() - 1) >= 0)
      std::printf("fd %s %s\n", entry->d_name, target.data());
  }
  closedir(directory);
}

void print_signals() {
  std::FILE* status = std::fopen("/proc/self/status", "re");
  if (status == nullptr) return;
  std::array<char, 256> line;
  while (std::fgets(line.data(), line.size(), status) != nullptr)
    if (std::strncmp(line.data(), "Sig", 3) == 0 || std::strncmp(line.data(), "ShdPnd", 6) == 0)
      std::fputs(line.data(), stdout);
  std::fclose(status);
}

int report(char** argv) {
  for (; *argv != nullptr; ++argv) std::printf("arg %s\n", *argv);
  for (char** variable = environ; *variable != nullptr; ++variable)
    std::printf("env %s\n", *variable);
  std::array<char, 256> directory{};
  if (getcwd(directory.data(), directory.size()) != nullptr)
    std::printf("cwd %s\n", directory.data());
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
