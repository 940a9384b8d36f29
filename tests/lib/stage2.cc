// SPDX-License-Identifier: MIT
// A stage 2 for tests and the demo: one static file that needs nothing else in its root.
//
//   stage2 report [ARG...]  prints what it was started with, a line each
//   stage2 test             the same: so is NixOS's switch-to-configuration called
//   stage2 exit STATUS      exits with it
//   stage2 [wait]           prints "ready" and says so to $NOTIFY_SOCKET, then waits for a signal
//                           of systemd(1): SIGRTMIN+3 exits with 0, +4 powers off, +5 reboots
//
// Named "quiet", it waits and never says that it is ready; named "flood", it says so and then sends
// one status after the other.

#include <dirent.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

// In glibc's numbers, as systemd-nspawn and machinectl send them.
constexpr int kStopSignal = 37;
constexpr int kPowerOffSignal = 38;
constexpr int kRebootSignal = 39;

void print_links(const char* kind, const std::string& in) {
  DIR* directory = opendir(in.c_str());
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.' || entry->d_name == std::to_string(dirfd(directory))) continue;
    std::array<char, 256> target{};
    const std::string path = in + '/' + entry->d_name;
    if (readlink(path.c_str(), target.data(), target.size() - 1) >= 0)
      std::printf("%s %s %s\n", kind, entry->d_name, target.data());
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
  print_links("fd", "/proc/self/fd");
  print_links("ns", "/proc/self/ns");
  print_signals();
  return 0;
}

// sd_notify(3), for a socket in the file system.
void notify(std::string_view message) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  const int notified = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sendto(notified, message.data(), message.size(), 0, reinterpret_cast<sockaddr*>(&address),
         sizeof(address));
  close(notified);
}

std::string_view name_of(std::string_view program) {
  return program.substr(program.rfind('/') + 1);
}

// As systemd does: the signals stay blocked and are read from a descriptor.
int wait_for_stop(std::string_view name) {
  sigset_t expected;
  sigemptyset(&expected);
  for (const int signal : {kStopSignal, kPowerOffSignal, kRebootSignal})
    sigaddset(&expected, signal);
  sigprocmask(SIG_BLOCK, &expected, nullptr);
  const int signals = signalfd(-1, &expected, SFD_CLOEXEC | (name == "flood" ? SFD_NONBLOCK : 0));
  std::puts("ready");
  std::fflush(stdout);
  if (name != "quiet") notify("READY=1");
  signalfd_siginfo received;
  ssize_t size = 0;
  while ((size = read(signals, &received, sizeof(received))) < 0 && errno == EAGAIN)
    notify("STATUS=flood");
  if (size != sizeof(received)) return 1;
  if (received.ssi_signo == kPowerOffSignal) return reboot(RB_POWER_OFF);
  if (received.ssi_signo == kRebootSignal) return reboot(RB_AUTOBOOT);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 2 && std::strcmp(argv[1], "report") == 0) return report(argv);
  if (argc == 2 && std::strcmp(argv[1], "test") == 0) return report(argv);
  if (argc == 3 && std::strcmp(argv[1], "exit") == 0) return std::atoi(argv[2]);
  if (argc == 1 || (argc == 2 && std::strcmp(argv[1], "wait") == 0))
    return wait_for_stop(name_of(argv[0]));
  std::fputs("usage: stage2 report [ARG...] | test | exit STATUS | [wait]\n", stderr);
  return 64;
}
