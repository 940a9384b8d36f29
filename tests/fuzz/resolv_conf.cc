// SPDX-License-Identifier: MIT
// Two resolv.conf(5), with a NUL between: a container with a network of its own gets none in which
// every server is on the loopback.

#include "hooks/start/resolv_conf.h"

#include <vector>

#include "common/base/words.h"
#include "tests/fuzz/fuzz.h"

using namespace container_init;

namespace {

bool names_server(std::string_view line) { return line.starts_with("nameserver"); }

std::vector<std::string_view> other_lines(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  auto lines = split_list(text, '\n');
  std::erase_if(lines, names_server);
  return lines;
}

bool names_another_server(const std::string& text) {
  for (const auto line : split_list(text, '\n')) {
    const auto words = split_words(line);
    if (words.size() > 1 && words[0] == "nameserver" && !words[1].starts_with("127.") &&
        words[1] != "::1")
      return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const auto middle = text.find('\0');
  const std::string host(text.substr(0, middle));
  std::optional<std::string> resolved;
  if (middle != std::string_view::npos) resolved = std::string(text.substr(middle + 1));

  const ResolvConf shared = choose_resolv_conf(host, resolved, false);
  fuzz::require(shared.text == host, "in the host's network the host's file is copied as it is");
  const ResolvConf own = choose_resolv_conf(host, resolved, true);
  fuzz::require(own.text.has_value() == own.reason.empty(), "there is a text or a reason");
  if (own.text) {
    fuzz::require(other_lines(*own.text) == other_lines(host) ||
                      (resolved && other_lines(*own.text) == other_lines(*resolved)),
                  "what names no server is copied");
    fuzz::require(names_another_server(*own.text), "a server can be reached");
  }
  return 0;
}
