// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace container_init {

// Removed with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const std::string parent = std::filesystem::temp_directory_path();
    path_ = parent + "/container-init-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) throw system_error(errno, "make a directory");
  }
  TemporaryDirectory(TemporaryDirectory&&) = delete;
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

  std::string path(std::string_view name) const { return path_ + '/' + std::string(name); }

  std::string write(std::string_view name, std::string_view content, mode_t mode = 0755) const {
    std::ofstream(path(name), std::ios::binary) << content;
    chmod(path(name).c_str(), mode);
    return path(name);
  }

 private:
  std::string path_;
};

}  // namespace container_init
