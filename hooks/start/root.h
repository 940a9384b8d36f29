// SPDX-License-Identifier: MIT
// The root directory of a container. The container owns it and may have placed anything there: no
// path below it is resolved outside of it, and nothing is changed behind a mount, openat2(2).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "common/base/descriptor.h"

namespace container_init {

// Functions that change something throw Error, Exit::system, with the path in the root. What is
// made gets the owner of the root directory.
class Root {
 public:
  // Error, Exit::system, where there is no such directory; Exit::config where it is the host's own.
  explicit Root(std::string path);

  // The same of a directory that is made where there is none, with mode 0755, and those above it
  // with 0700.
  static Root make(const std::string& path);

  // With the directories above it, which get mode 0755. The mode is set also where it exists.
  // What lies behind a mount is the administrator's, and left as it is.
  void make_directory(std::string_view path, mode_t mode) const;

  // Empty, unless something of that name is there, even if it is a symbolic link. Nothing is made
  // behind a mount.
  void make_file(std::string_view path) const;

  // In place of what is there, at once: nobody sees a part of it.
  void replace_file(std::string_view path, std::string_view text) const;

  // One that is gone already is no error.
  void remove_file(std::string_view path) const;

  // Whether the path, as far as it exists, leads through a symbolic link, or across a mount.
  bool has_symlink(std::string_view path) const;
  bool has_mount(std::string_view path) const;

  // Whether there is nothing at the path. Here mounts are followed, as nothing is changed.
  bool is_missing(std::string_view path) const;

  enum class Links { follow, do_not_follow };
  // The kind of file at the path, S_IFMT of stat(2); nothing where there is none.
  std::optional<mode_t> kind_of(std::string_view path, Links links) const;

  // The content of a regular file; nothing where there is none, or it is over 8 MiB. Error,
  // Exit::system, where it cannot be read at once.
  std::optional<std::string> read_regular_file(std::string_view path) const;

  // Without symbolic links, as the host sees it.
  std::string real_path() const;

  // The user that the directory belonged to when it was opened.
  uid_t owner() const { return owner_; }

 private:
  Descriptor directory(std::string_view path) const;
  Descriptor open(std::string_view path, unsigned flags, unsigned resolve) const;
  Descriptor open_directory(std::string_view path) const;
  Descriptor make_below(const Descriptor& parent, const std::string& name) const;
  Descriptor open_new_file(const Descriptor& parent, const std::string& name) const;
  std::string path_on_host(std::string_view path) const;

  std::string path_;
  Descriptor root_;
  uid_t owner_ = 0;
  gid_t group_ = 0;
};

// A directory of the host, with those above it; the mode is set also where it exists.
void make_host_directory(const std::string& path, mode_t mode);

}  // namespace container_init
