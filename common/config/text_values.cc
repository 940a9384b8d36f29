// SPDX-License-Identifier: MIT
#include "common/config/text_values.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "common/base/number.h"
#include "common/base/words.h"
#include "common/network/link_name.h"

namespace container_init {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

bool is_port(std::string_view text) {
  return parse_number<unsigned>(text, 1, std::numeric_limits<std::uint16_t>::max()).has_value();
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

}  // namespace

bool is_machine_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;  // HOST_NAME_MAX
  if (name.size() > kLongest) return false;
  const auto labels = split_list(name, '.');
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    return !label.empty() && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(),
                       [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; });
  });
}

bool is_absolute_path(std::string_view text) { return text.starts_with('/'); }

bool is_port_mapping(std::string_view text) {
  auto parts = split_list(text, ':');
  constexpr std::array<std::string_view, 3> kProtocols = {"tcp", "udp", "sctp"};
  if (std::ranges::find(kProtocols, parts.front()) != kProtocols.end()) parts.erase(parts.begin());
  return (parts.size() == 1 || parts.size() == 2) &&
         std::all_of(parts.begin(), parts.end(), is_port);
}

bool is_private_users(std::string_view text) {
  constexpr auto kLargest = std::numeric_limits<std::uint32_t>::max();
  return text == "no" || text == "identity" || text == "pick" ||
         parse_number<std::uint32_t>(text, 0, kLargest);
}

bool is_capability(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '_';
  });
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
