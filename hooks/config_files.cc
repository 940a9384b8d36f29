// SPDX-License-Identifier: MIT
#include "hooks/config_files.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/words.h"
#include "common/config/variables.h"
#include "hooks/environment_file.h"

namespace container_init {
namespace {

// containers.conf(5), containers-mounts.conf(5), containers-registries.conf(5) and
// containers-storage.conf(5). Podman, Buildah and Skopeo read them.
constexpr std::array<std::string_view, 4> kNamesOfPodman = {"containers", "mounts", "registries",
                                                            "storage"};

void refuse_name_of_podman(std::string_view instance) {
  if (std::ranges::find(kNamesOfPodman, instance) != kNamesOfPodman.end())
    throw Error(Exit::config, fmt::format("/etc/containers/{}.conf is podman's, not a container's: "
                                          "choose another name",
                                          instance));
}

std::vector<std::string_view> config_files(const Environment& environment) {
  return split_words(environment.get("CONFIG_FILES").value_or(std::string_view{}));
}

bool is_of_nixos(std::string_view path) {
  return path.find("/nixos-containers/") != std::string_view::npos;
}

bool is_missing(std::string_view path) { return access(std::string(path).c_str(), F_OK) != 0; }

void require_one(const std::vector<std::string_view>& files) {
  if (!std::ranges::all_of(files, is_missing)) return;
  std::string text;
  for (const auto file : files)
    text += fmt::format("{}{}", text.empty() ? "no " : " and no ", file);
  throw Error(Exit::config, text + ": there is no such container");
}

std::string read_config_file(const std::string& path) {
  auto text = read_file(path);
  if (!text) throw system_error(errno, "read " + path, {}, Exit::config);
  return std::move(*text);
}

// systemd would start the container without them, which may be in the host's network then.
void refuse_no_assignments(const std::vector<std::string_view>& files) {
  std::vector<std::string> faults;
  for (const auto file : files) {
    if (is_missing(file)) continue;
    const std::string text = read_config_file(std::string(file));
    for (const auto& [line, name] : find_no_assignments(text))
      faults.push_back(fmt::format(
          "{}:{}: {} is not a variable; wanted: NAME=VALUE, NAME of letters, digits and _", file,
          line, quote(name)));
  }
  if (!faults.empty()) throw Error(Exit::config, std::move(faults));
}

}  // namespace

void check_config_files(const Environment& environment) {
  const auto files = config_files(environment);
  if (files.empty()) return;
  refuse_name_of_podman(environment.get("INSTANCE").value_or(std::string_view{}));
  require_one(files);
  refuse_no_assignments(files);
}

std::optional<std::string> default_private_users(const Environment& environment) {
  const auto users = environment.get("DEFAULT_PRIVATE_USERS");
  if (!users || environment.get(variable("PRIVATE_USERS").name)) return std::nullopt;
  for (const auto file : config_files(environment))
    if (is_of_nixos(file) && !is_missing(file)) return std::nullopt;
  return std::string(*users);
}

}  // namespace container_init
