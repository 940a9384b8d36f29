// SPDX-License-Identifier: MIT
#include "common/config/text_values.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include <fmt/core.h>

#include "common/base/number.h"
#include "common/base/words.h"
#include "common/network/link_name.h"

namespace container_init {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

// systemd takes a leading zero for the sign of an octal number.
bool is_port(std::string_view text) {
  return !text.starts_with('0') &&
         parse_number<unsigned>(text, 1, std::numeric_limits<std::uint16_t>::max()).has_value();
}

struct Signal {
  std::string_view name;
  int number;
};

// Those of real time are numbered as by glibc, with which systemd-nspawn is built; other C
// libraries have others.
constexpr int kFirstRealTimeSignal = 34;
constexpr int kLastSignal = 64;  // _NSIG of the kernel

// The names that systemd takes (signal-util.c), without SIG.
constexpr auto kSignals =
    std::to_array<Signal>({{"HUP", SIGHUP},       {"INT", SIGINT},
                           {"QUIT", SIGQUIT},     {"ILL", SIGILL},
                           {"TRAP", SIGTRAP},     {"ABRT", SIGABRT},
                           {"BUS", SIGBUS},       {"FPE", SIGFPE},
                           {"KILL", SIGKILL},     {"USR1", SIGUSR1},
                           {"SEGV", SIGSEGV},     {"USR2", SIGUSR2},
                           {"PIPE", SIGPIPE},     {"ALRM", SIGALRM},
                           {"TERM", SIGTERM},     {"STKFLT", SIGSTKFLT},
                           {"CHLD", SIGCHLD},     {"CONT", SIGCONT},
                           {"STOP", SIGSTOP},     {"TSTP", SIGTSTP},
                           {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU},
                           {"URG", SIGURG},       {"XCPU", SIGXCPU},
                           {"XFSZ", SIGXFSZ},     {"VTALRM", SIGVTALRM},
                           {"PROF", SIGPROF},     {"IO", SIGIO},
                           {"WINCH", SIGWINCH},   {"PWR", SIGPWR},
                           {"SYS", SIGSYS},       {"RTMIN", kFirstRealTimeSignal},
                           {"RTMAX", kLastSignal}});

// RTMIN+N or RTMAX-N.
std::optional<int> real_time_signal(std::string_view text) {
  if (!text.starts_with("RTMIN+") && !text.starts_with("RTMAX-")) return std::nullopt;
  const auto distance = parse_number<int>(text.substr(6), 0, kLastSignal - kFirstRealTimeSignal);
  if (!distance) return std::nullopt;
  return text[5] == '+' ? kFirstRealTimeSignal + *distance : kLastSignal - *distance;
}

// Of linux/capability.h, without CAP_.
constexpr std::array<std::string_view, 41> kCapabilities = {"chown",
                                                            "dac_override",
                                                            "dac_read_search",
                                                            "fowner",
                                                            "fsetid",
                                                            "kill",
                                                            "setgid",
                                                            "setuid",
                                                            "setpcap",
                                                            "linux_immutable",
                                                            "net_bind_service",
                                                            "net_broadcast",
                                                            "net_admin",
                                                            "net_raw",
                                                            "ipc_lock",
                                                            "ipc_owner",
                                                            "sys_module",
                                                            "sys_rawio",
                                                            "sys_chroot",
                                                            "sys_ptrace",
                                                            "sys_pacct",
                                                            "sys_admin",
                                                            "sys_boot",
                                                            "sys_nice",
                                                            "sys_resource",
                                                            "sys_time",
                                                            "sys_tty_config",
                                                            "mknod",
                                                            "lease",
                                                            "audit_write",
                                                            "audit_control",
                                                            "setfcap",
                                                            "mac_override",
                                                            "mac_admin",
                                                            "syslog",
                                                            "wake_alarm",
                                                            "block_suspend",
                                                            "audit_read",
                                                            "perfmon",
                                                            "bpf",
                                                            "checkpoint_restore"};

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

bool consists_of(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

// A number of bytes or such, as the kernel's memparse() takes it; a part of the memory with '%'.
bool is_size(std::string_view text) {
  if (!text.empty() &&
      std::string_view("kKmMgGtTpPeE%").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  return consists_of(text, "0123456789");
}

// One of those that have a value which can be told to be wrong. The kernel knows more.
bool is_tmpfs_option(std::string_view option) {
  const auto name = option.substr(0, option.find('='));
  const auto value = option.substr(std::min(name.size() + 1, option.size()));
  if (name == "size" || name == "nr_blocks" || name == "nr_inodes") return is_size(value);
  if (name == "mode") return consists_of(value, "01234567");
  if (name == "uid" || name == "gid") return consists_of(value, "0123456789");
  return true;
}

}  // namespace

bool is_machine_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;  // HOST_NAME_MAX
  if (name.size() > kLongest) return false;
  const auto labels = split_list(name, '.');
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    return !label.empty() && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(),
                       [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
  });
}

bool is_absolute_path(std::string_view text) { return text.starts_with('/'); }

bool is_port_mapping(std::string_view text) {
  auto parts = split_list(text, ':');
  constexpr std::array<std::string_view, 2> kProtocols = {"tcp", "udp"};
  if (std::ranges::find(kProtocols, parts.front()) != kProtocols.end()) parts.erase(parts.begin());
  return (parts.size() == 1 || parts.size() == 2) &&
         std::all_of(parts.begin(), parts.end(), is_port);
}

std::string port_of_host(std::string_view mapping) {
  const auto parts = split_list(mapping, ':');
  const bool has_protocol = !is_port(parts.front());
  return has_protocol ? fmt::format("{}:{}", parts[0], parts[1]) : fmt::format("tcp:{}", parts[0]);
}

bool is_tmpfs(std::string_view text) {
  const auto colon = std::min(text.find(':'), text.size());
  if (!is_absolute_path(text) || text.find_first_not_of('/') >= colon) return false;
  const auto options = split_list(text.substr(std::min(colon + 1, text.size())), ',');
  return std::ranges::all_of(options, is_tmpfs_option);
}

bool is_private_users(std::string_view text) {
  constexpr auto kLargest = std::numeric_limits<std::uint32_t>::max() - 65536;
  constexpr auto kNobody = std::numeric_limits<std::uint16_t>::max();  // (uid_t) -1 of 16 bits
  const auto number = parse_number<std::uint32_t>(text, 0, kLargest);
  return text == "no" || text == "identity" || text == "pick" || (number && *number != kNobody);
}

bool is_capability(std::string_view text) {
  constexpr unsigned kLargest = 62;  // CAP_LIMIT of systemd, capability-util.h
  const std::string name = in_lower_case(text);
  return text == "all" || parse_number<unsigned>(text, 0, kLargest) ||
         (name.starts_with("cap_") &&
          std::ranges::find(kCapabilities, name.substr(4)) != kCapabilities.end());
}

bool is_link_with_inner_name(std::string_view text) {
  const auto names = split_list(text, ':');
  return names.size() <= 2 && std::all_of(names.begin(), names.end(), is_link_name);
}

Parsed<int> parse_signal(std::string_view text) {
  if (const auto number = parse_number<int>(text, 1, kLastSignal)) return *number;
  if (text.starts_with("SIG")) text.remove_prefix(3);
  if (const auto number = real_time_signal(text)) return *number;
  const auto* found = std::ranges::find(kSignals, text, &Signal::name);
  if (found == kSignals.end()) return Reason{"not valid"};
  return found->number;
}

bool is_signal(std::string_view text) { return value_of(parse_signal(text)) != nullptr; }

Parsed<bool> parse_flag(std::string_view text) {
  if (text == "1") return true;
  if (text == "0") return false;
  return Reason{"neither 1 nor 0"};
}

}  // namespace container_init
