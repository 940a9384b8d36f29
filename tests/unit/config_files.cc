// SPDX-License-Identifier: MIT
#include "hooks/config_files.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "tests/unit/catch.h"
#include "tests/unit/temporary_directory.h"
#include "tests/unit/values.h"

using namespace container_init;

namespace {

Caught check(const std::string& instance, const std::string& files) {
  const std::vector<std::string> text{"INSTANCE=" + instance, "CONFIG_FILES=" + files};
  const Environment environment({text.begin(), text.end()});
  return caught_from([&] { check_config_files(environment); });
}

}  // namespace

TEST_CASE("one file of a configuration is enough") {
  const TemporaryDirectory directory;
  const std::string one = directory.path("one"), two = directory.path("two");
  const Caught none = check("web", one + ' ' + two);
  CHECK(none.exit == Exit::config);
  CHECK(none.lines ==
        std::vector<std::string>{"no " + one + " and no " + two + ": there is no such container"});
  std::ofstream(two).close();
  CHECK(check("web", one + ' ' + two).lines.empty());
}

TEST_CASE("what systemd would ignore in a file is a fault") {
  const TemporaryDirectory directory;
  const std::string one = directory.write("one", "# web\nHOST_ADDRESS=10.0.0.1\nCOMMAND=/a\n");
  const std::string two = directory.write("two", "export HOST_ADDRESS=10.0.0.1\n\nHOST_PORT 80\n");
  CHECK(check("web", one).lines.empty());
  const Caught faulty = check("web", one + ' ' + two);
  CHECK(faulty.exit == Exit::config);
  const std::string wanted =
      " is not a variable; wanted: NAME=VALUE, NAME of letters, digits and _";
  CHECK(faulty.lines == std::vector<std::string>{two + ":1: \"export HOST_ADDRESS\"" + wanted,
                                                 two + ":3: \"HOST_PORT 80\"" + wanted});
}

TEST_CASE("a file that cannot be read is a fault") {
  const TemporaryDirectory directory;
  CHECK(check("web", directory.path("")).lines.size() == 1);
}

TEST_CASE("where the unit names no file, none is needed and every name is free") {
  CHECK(check("web", "").lines.empty());
  CHECK(check("storage", "").lines.empty());
}

TEST_CASE("the names of podman's files are not for containers") {
  const TemporaryDirectory directory;
  const std::string file = directory.write("storages.conf", "");
  for (const std::string name : {"containers", "mounts", "registries", "storage"})
    CHECK(check(name, file).lines ==
          std::vector<std::string>{"/etc/containers/" + name +
                                   ".conf is podman's, not a container's: choose another name"});
  CHECK(check("storages", file).lines.empty());
}

TEST_CASE("the unit has a default for user IDs, which a variable and NixOS override") {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path("nixos-containers"));
  const std::string file = directory.write("web.conf", "");
  const std::string nixos = directory.path("nixos-containers/web.conf");
  const std::string files = "CONFIG_FILES=" + file + ' ' + nixos;
  const auto users = [](const std::vector<std::string>& text) {
    return default_private_users(Environment({text.begin(), text.end()}));
  };
  const std::string given = "DEFAULT_PRIVATE_USERS=pick";
  CHECK(users({given, files}) == "pick");
  CHECK(users({given, files, "PRIVATE_USERS="}) == "pick");
  CHECK_FALSE(users({given, files, "PRIVATE_USERS=no"}));
  CHECK_FALSE(users({"DEFAULT_PRIVATE_USERS=", files}));
  CHECK_FALSE(users({files}));
  directory.write("nixos-containers/web.conf", "");
  CHECK_FALSE(users({given, files}));
}
