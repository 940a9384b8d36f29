// SPDX-License-Identifier: MIT
#include "common/config/nspawn_flags.h"

#include <getopt.h>

#include <algorithm>
#include <array>

#include "common/base/words.h"

namespace container_init {
namespace {

constexpr int kNoLetter = 256;

constexpr option plain(const char* name, int letter = kNoLetter) {
  return {name, no_argument, nullptr, letter};
}
constexpr option valued(const char* name, int letter = kNoLetter) {
  return {name, required_argument, nullptr, letter};
}
constexpr option perhaps_valued(const char* name) {
  return {name, optional_argument, nullptr, kNoLetter};
}

// Of systemd-nspawn 252 to 261 (parse_argv() in nspawn.c).
constexpr auto kOptions = std::to_array<option>({
    plain("as-pid2", 'a'),
    plain("boot", 'b'),
    plain("cleanup"),
    plain("ephemeral", 'x'),
    plain("help", 'h'),
    plain("keep-unit"),
    plain("network-veth", 'n'),
    plain("no-new-privileges"),
    plain("no-pager"),
    plain("pipe", 'P'),
    plain("private-network"),
    plain("private-users-chown"),
    plain("quiet", 'q'),
    plain("read-only"),
    plain("version"),
    perhaps_valued("private-users"),
    perhaps_valued("volatile"),
    valued("ambient-capability"),
    valued("background"),
    valued("bind"),
    valued("bind-ro"),
    valued("bind-user"),
    valued("bind-user-group"),
    valued("bind-user-shell"),
    valued("capability"),
    valued("chdir"),
    valued("console"),
    valued("cpu-affinity"),
    valued("directory", 'D'),
    valued("drop-capability"),
    valued("hostname"),
    valued("image", 'i'),
    valued("image-policy"),
    valued("inaccessible"),
    valued("kill-signal"),
    valued("link-journal"),
    valued("load-credential"),
    valued("machine", 'M'),
    valued("network-bridge"),
    valued("network-interface"),
    valued("network-ipvlan"),
    valued("network-macvlan"),
    valued("network-namespace-path"),
    valued("network-veth-extra"),
    valued("network-zone"),
    valued("notify-ready"),
    valued("oci-bundle"),
    valued("oom-score-adjust"),
    valued("overlay"),
    valued("overlay-ro"),
    valued("personality"),
    valued("pivot-root"),
    valued("port", 'p'),
    valued("private-users-delegate"),
    valued("private-users-ownership"),
    valued("property"),
    valued("register"),
    valued("resolv-conf"),
    valued("restrict-address-families"),
    valued("rlimit"),
    valued("root-hash"),
    valued("root-hash-sig"),
    valued("selinux-apifs-context", 'L'),
    valued("selinux-context", 'Z'),
    valued("set-credential"),
    valued("setenv", 'E'),
    valued("settings"),
    valued("slice", 'S'),
    valued("suppress-sync"),
    valued("system-call-filter"),
    valued("template"),
    valued("timezone"),
    valued("tmpfs"),
    valued("user", 'u'),
    valued("uuid"),
    valued("verity-data"),
    {nullptr, 0, nullptr, 0},
});

// The first characters: an option behind a word that is none belongs to what is executed, and ':'
// is returned where a value is missing.
constexpr const char* kLetters = "+:hD:u:abL:M:jS:Z:qi:xp:nUE:P";

// -j and -U are short for a long option with a value.
std::string long_name(int letter) {
  if (letter == 'j') return "link-journal";
  if (letter == 'U') return "private-users";
  const auto* const found = std::ranges::find(kOptions, letter, &option::val);
  return found->name;
}

// The words as getopt_long(3) wants them, behind the name of the program.
std::vector<char*> argument_vector(std::string& program, std::vector<std::string>& words) {
  std::vector<char*> arguments{program.data()};
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  return arguments;
}

// Whether optopt, after an error, names an option that is known: it was given a value.
bool is_misused() { return optopt != 0 && std::ranges::count(kOptions, optopt, &option::val) > 0; }

}  // namespace

NspawnFlags parse_nspawn_flags(const std::vector<std::string>& words) {
  NspawnFlags parsed;
  std::string program = "systemd-nspawn";
  std::vector<std::string> copies = words;
  const std::vector<char*> arguments = argument_vector(program, copies);
  const int count = static_cast<int>(words.size()) + 1;
  bool is_unknown = false;  // the last option: the next word may be its value
  optind = 0;               // begins anew
  opterr = 0;
  while (true) {
    const auto at = static_cast<std::size_t>(std::max(optind, 1) - 1);
    int index = -1;
    const int code = getopt_long(count, arguments.data(), kLetters, kOptions.data(), &index);
    if (code == -1 && is_unknown && optind < count) {
      ++optind;
      is_unknown = false;
      continue;
    }
    if (code == -1) break;
    is_unknown = code == '?' && !is_misused();
    if (is_unknown) continue;
    if (code == '?') {
      parsed.faults.push_back(quote(words[at]) + ", which takes no value");
    } else if (code == ':') {
      parsed.faults.push_back(quote(words[at]) + ", which lacks its value");
    } else {
      parsed.flags.push_back(
          {index < 0 ? long_name(code) : kOptions[static_cast<std::size_t>(index)].name,
           optarg == nullptr ? "" : optarg, words[at]});
    }
  }
  if (optind < count)
    parsed.faults.push_back(quote(words[static_cast<std::size_t>(optind) - 1]) +
                            ", which is no flag");
  return parsed;
}

bool has_flag(const std::vector<std::string>& words, std::string_view name) {
  return std::ranges::count(parse_nspawn_flags(words).flags, name, &NspawnFlag::name) > 0;
}

std::vector<std::string> parts_of_bind(std::string_view value) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == ':') {
      parts.emplace_back();
    } else {
      if (value[i] == '\\' && i + 1 < value.size()) ++i;
      parts.back() += value[i];
    }
  }
  return parts;
}

}  // namespace container_init
