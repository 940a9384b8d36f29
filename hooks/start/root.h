// The root directory of a container, which belongs to the container: what is found there may have
// been put there to lead us elsewhere. No path below it is resolved outside of it, openat2(2).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "common/base/descriptor.h"

namespace container_init {

// Every function throws Error, Exit::system, with the path in the root. What is made gets the owner
// of the root directory.
class Root {
 public:
  // The directory is made where there is none, with mode 0755, and those above it with 0700. Error,
  // Exit::config, where it is the host's own.
  explicit Root(std::string path);

  // With the directories above it, which get mode 0755. The mode is set also where it exists.
  void make_directory(std::string_view path, mode_t mode) const;

  // Empty, unless something of that name is there, be it a symbolic link.
  void make_file(std::string_view path) const;

  // Whether the path, as far as it exists, leads through a symbolic link.
  bool has_symlink(std::string_view path) const;

  // In place of what is there, at once: nobody sees a part of it.
  void replace_file(std::string_view path, std::string_view text) const;

 private:
  Descriptor directory(std::string_view path) const;
  Descriptor make_below(const Descriptor& parent, const std::string& name) const;
  Descriptor open_new_file(const Descriptor& parent, const std::string& name) const;
  std::string shown(std::string_view path) const;

  std::string path_;
  Descriptor root_;
  uid_t owner_ = 0;
  gid_t group_ = 0;
};

// A directory of the host, with those above it; the mode is set also where it exists.
void make_host_directory(const std::string& path, mode_t mode);

}  // namespace container_init
