// SPDX-License-Identifier: MIT
#include "hooks/start/program_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "hooks/start/nspawn.h"

namespace container_init {
namespace {

bool is_executable_by_others(const std::string& program) {
  struct stat status {};
  return stat(program.c_str(), &status) == 0 && (status.st_mode & S_IXOTH) != 0;
}

// Both flags may overrule PRIVATE_USERS, --settings= by NAME.nspawn. These are the shortest forms
// in which getopt_long(3) takes them for no other.
bool may_have_other_users(const Config& config) {
  return has_flag(config, "--private-u") || has_flag(config, "--sett");
}

// Of a directory that is yet to be made, its parent's.
bool can_hold_programs(const std::string& directory) {
  struct statvfs status {};
  if (statvfs(directory.c_str(), &status) == 0)
    return (status.f_flag & (ST_RDONLY | ST_NOEXEC)) == 0;
  return errno == ENOENT && directory != "/" && can_hold_programs(parent_directory(directory));
}

// Users of the container execute it too: the mode is set whatever the umask is.
bool copy_program(const std::string& program, const std::string& path) {
  constexpr mode_t kMode = 0755;
  const Descriptor from(open(program.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from.is_open()) return false;
  const Descriptor to(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kMode));
  return to.is_open() && copy_content(from, to) && fchmod(to.get(), kMode) == 0;
}

}  // namespace

bool needs_copy(const Config& config, const std::string& program) {
  return !has_shifted_users(config) || may_have_other_users(config) ||
         !is_executable_by_others(program);
}

std::string copy_path(const Config& config, const std::string& program) {
  const std::string beside_root = parent_directory(config.root);
  const std::string directory =
      can_hold_programs(beside_root) ? beside_root : parent_directory(program);
  return fmt::format("{}/.{}.container-init", directory == "/" ? "" : directory, config.instance);
}

ProgramCopy::ProgramCopy(const std::string& program, std::string path) : path_(std::move(path)) {
  unlink(path_.c_str());
  if (copy_program(program, path_)) return;
  const int error = errno;
  unlink(path_.c_str());
  throw system_error(error, fmt::format("copy {} to {}", program, path_));
}

ProgramCopy::~ProgramCopy() { unlink(path_.c_str()); }

}  // namespace container_init
