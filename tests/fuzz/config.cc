// SPDX-License-Identifier: MIT
// A whole environment, assignments with a newline between: it is refused with lines that can be
// printed, or every plan and command can be made from it.

#include "common/config/config.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/words.h"
#include "common/network/plan.h"
#include "hooks/requirements.h"
#include "hooks/start/nspawn.h"
#include "tests/fuzz/fuzz.h"

using namespace container_init;

namespace {

bool is_printable(const std::string& line) {
  return !line.empty() && std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; });
}

void check_lines(const Error& error) {
  fuzz::require(error.exit() == Exit::config, "a configuration is at fault");
  fuzz::require(!error.lines().empty(), "a fault is reported");
  fuzz::require(std::ranges::all_of(error.lines(), is_printable), "a fault is one printable line");
}

template <typename Use>
void check(Use use) {
  try {
    use();
  } catch (const Error& error) {
    check_lines(error);
  }
}

void describe_all(const Plan& plan) {
  for (const Operation& operation : plan)
    fuzz::require(is_printable(describe(operation)), "an operation prints as one line");
}

void use_config(const Environment& environment) {
  const Config config = parse_config(environment);
  describe_all(make_host_plan(config.network));
  describe_all(make_container_plan(config.network));
  required_links(config);
  for (const Nix& nix : {Nix{}, Nix{true, true, true, true, true}}) {
    const auto command =
        make_nspawn_command(config, environment, nix, {.container_init = "/container-init"});
    fuzz::require(command.front() == "systemd-nspawn", "the command is systemd-nspawn's");
    fuzz::require(command.back() == stage2_command(config, nix).back(), "stage 2 comes last");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (text.find('\0') != std::string_view::npos) return 0;  // the environment cannot have it
  const Environment environment(split_list(text, '\n'));
  check([&] { describe_all(make_container_plan(parse_network(environment))); });
  check([&] { describe_all(make_host_plan(parse_host_network(environment))); });
  check([&] { use_config(environment); });
  return 0;
}
