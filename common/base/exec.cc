// SPDX-License-Identifier: MIT
#include "common/base/exec.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <fmt/core.h>

#include "common/base/descriptor.h"
#include "common/base/error.h"
#include "common/base/words.h"

namespace container_init {
namespace {

// Reads an object at an offset of the file; false if the file ends before its end.
template <typename T>
bool read_at(const Descriptor& file, off_t offset, T& object) {
  return pread(file.get(), &object, sizeof(object), offset) == static_cast<ssize_t>(sizeof(object));
}

// Reads text at an offset; less than the buffer holds if the file ends before.
template <std::size_t N>
std::string_view read_text_at(const Descriptor& file, off_t offset, std::array<char, N>& buffer) {
  const ssize_t size = pread(file.get(), buffer.data(), buffer.size(), offset);
  return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

// The kernel reads no more of a "#!" line, BINPRM_BUF_SIZE in linux/binfmts.h.
constexpr std::size_t kLongestScriptLine = 256;

std::string script_interpreter(std::string_view text) {
  if (!text.starts_with("#!")) return {};
  const auto words = split_words(text.substr(2, text.find('\n') - 2));
  return words.empty() ? std::string{} : std::string(words.front());
}

template <typename Header, typename Segment>
std::string elf_interpreter(const Descriptor& file) {
  Header header;
  if (!read_at(file, 0, header)) return {};
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Segment segment;
    const auto offset = static_cast<off_t>(header.e_phoff + i * sizeof(segment));
    if (!read_at(file, offset, segment)) return {};
    if (segment.p_type != PT_INTERP) continue;
    std::array<char, 256> path;
    const auto text = read_text_at(file, static_cast<off_t>(segment.p_offset), path);
    return std::string(text.substr(0, text.find('\0')));
  }
  return {};
}

bool means_missing(int error) { return error == ENOENT || error == ENOTDIR; }

bool path_exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0 || !means_missing(errno);
}

bool is_executable_file(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

bool is_on_noexec(const std::string& path) {
  struct statvfs status {};
  return statvfs(path.c_str(), &status) == 0 && (status.f_flag & ST_NOEXEC) != 0;
}

// Follows interpreters as execve(2) does, to the first that caused its error.
template <typename IsFine>
std::optional<std::string> find_culprit(std::string path, IsFine is_fine) {
  constexpr int kDeepestChain = 5;  // the kernel gives up there, with ELOOP
  for (int depth = 0; depth <= kDeepestChain && !path.empty(); ++depth) {
    if (!is_fine(path)) return path;
    path = interpreter_of(path);
  }
  return std::nullopt;
}

// For a message: as it is where it has printable characters and no blank, else in quotes.
std::string quoted_unless_plain(const std::string& path) {
  const bool plain = !path.empty() && std::all_of(path.begin(), path.end(),
                                                  [](char c) { return c > ' ' && c <= '~'; });
  return plain ? path : quote(path);
}

std::string explain(int error, const std::string& path) {
  if (means_missing(error)) {
    const auto missing = find_culprit(path, path_exists);
    return missing && *missing != path
               ? fmt::format("its interpreter {} does not exist", quoted_unless_plain(*missing))
               : "";
  }
  if (error == EACCES) {
    const auto refused = find_culprit(path, is_executable_file);
    if (!refused) return {};
    return fmt::format("{} is {}", quoted_unless_plain(*refused),
                       is_on_noexec(*refused) ? "on a file system that is mounted noexec"
                                              : "not an executable file");
  }
  if (error == ENOEXEC) return "neither a program for this machine nor a script with #!";
  return {};
}

}  // namespace

void exec_program(std::span<char*> arguments) {
  const std::string path = arguments.front();
  execve(path.c_str(), arguments.data(), environ);
  const int error = errno;
  throw system_error(error, "execute " + quoted_unless_plain(path), explain(error, path),
                     means_missing(error) ? Exit::not_found : Exit::not_executable);
}

void exec_program(const std::vector<std::string>& arguments) {
  auto pointers = argument_pointers(arguments);
  exec_program(std::span(pointers).first(arguments.size()));
}

std::vector<char*> argument_pointers(const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments)
    pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  for (const auto directory : split_list(path != nullptr ? path : "", ':')) {
    std::string candidate = std::string(directory) + '/' + name;
    if (directory.starts_with('/') && is_executable_file(candidate)) return candidate;
  }
  return {};
}

std::string interpreter_of(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, kLongestScriptLine> buffer;
  const auto head = file.is_open() ? read_text_at(file, 0, buffer) : std::string_view{};
  if (!head.starts_with(ELFMAG)) return script_interpreter(head);
  if (head.size() > EI_CLASS && head[EI_CLASS] == ELFCLASS32)
    return elf_interpreter<Elf32_Ehdr, Elf32_Phdr>(file);
  return elf_interpreter<Elf64_Ehdr, Elf64_Phdr>(file);
}

}  // namespace container_init
