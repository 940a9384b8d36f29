// SPDX-License-Identifier: MIT
#include "common/base/exec.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <type_traits>

#include "common/base/words.h"
#include "tests/unit/catch.h"
#include "tests/unit/temporary_directory.h"
#include "tests/unit/values.h"

using namespace container_init;
using namespace std::string_literals;

namespace {

template <typename T>
std::string bytes_of(const T& object) {
  return {reinterpret_cast<const char*>(&object), sizeof(object)};
}

// An ELF program of a class, with a segment to load and one that names the interpreter.
template <typename Header, typename Segment>
struct Elf {
  Header header{};
  Segment load{};
  Segment interpreter{};
  std::string path = "/lib/ld.so"s + '\0';

  Elf() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = std::is_same_v<Header, Elf32_Ehdr> ? ELFCLASS32 : ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_phoff = sizeof(Header);
    header.e_phentsize = sizeof(Segment);
    header.e_phnum = 2;
    load.p_type = PT_LOAD;
    interpreter.p_type = PT_INTERP;
    interpreter.p_offset = sizeof(Header) + 2 * sizeof(Segment);
    interpreter.p_filesz = static_cast<decltype(interpreter.p_filesz)>(path.size());
  }

  std::string text() const {
    return bytes_of(header) + bytes_of(load) + bytes_of(interpreter) + path;
  }
};

using Elf32 = Elf<Elf32_Ehdr, Elf32_Phdr>;
using Elf64 = Elf<Elf64_Ehdr, Elf64_Phdr>;

std::string interpreter_of_content(std::string_view content) {
  const TemporaryDirectory directory;
  return interpreter_of(directory.write("program", content));
}

template <typename AnyElf>
void check_elf() {
  AnyElf elf;
  CHECK(interpreter_of_content(elf.text()) == "/lib/ld.so");
  CHECK(interpreter_of_content(elf.text() + "more") == "/lib/ld.so");

  std::swap(elf.load, elf.interpreter);
  CHECK(interpreter_of_content(elf.text()) == "/lib/ld.so");
  elf.header.e_phnum = 1;
  CHECK(interpreter_of_content(elf.text()) == "/lib/ld.so");
  elf.load.p_type = PT_LOAD;
  CHECK(interpreter_of_content(elf.text()).empty());
}

template <typename AnyElf>
void check_truncated_elf() {
  const AnyElf elf;
  const std::string text = elf.text();
  const std::size_t path_offset = text.size() - elf.path.size();
  for (std::size_t size = 0; size < path_offset; ++size) {
    CAPTURE(size);
    CHECK(interpreter_of_content(text.substr(0, size)).empty());
  }
  CHECK(interpreter_of_content(text.substr(0, path_offset)).empty());
  CHECK(interpreter_of_content(text.substr(0, path_offset + 4)) == "/lib");
}

template <typename AnyElf>
void check_elf_that_points_nowhere() {
  AnyElf far_path;
  far_path.interpreter.p_offset = 1 << 20;
  CHECK(interpreter_of_content(far_path.text()).empty());

  AnyElf negative_path;
  std::memset(&negative_path.interpreter.p_offset, 0xff, sizeof(far_path.interpreter.p_offset));
  CHECK(interpreter_of_content(negative_path.text()).empty());

  AnyElf far_segments;
  std::memset(&far_segments.header.e_phoff, 0xff, sizeof(far_segments.header.e_phoff));
  CHECK(interpreter_of_content(far_segments.text()).empty());

  AnyElf many_segments;
  many_segments.interpreter.p_type = PT_NOTE;
  many_segments.header.e_phnum = 0xffff;
  CHECK(interpreter_of_content(many_segments.text()).empty());
}

// What the loader of this very program was found by; empty where it is static.
std::string own_interpreter() {
  std::string path;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* result) {
        for (int i = 0; i < info->dlpi_phnum; ++i)
          if (info->dlpi_phdr[i].p_type == PT_INTERP)
            *static_cast<std::string*>(result) =
                reinterpret_cast<const char*>(  // NOLINT(performance-no-int-to-ptr)
                    info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        return 1;  // the first object is the program
      },
      &path);
  return path;
}

ElfW(Half) own_machine() {
  ElfW(Ehdr) header{};
  std::ifstream("/proc/self/exe", std::ios::binary)
      .read(reinterpret_cast<char*>(&header), sizeof(header));
  return header.e_machine;
}

Caught exec_caught(std::string path) {
  std::array<char*, 2> arguments{path.data(), nullptr};
  return caught_from([&] { exec_program(std::span(arguments).first(1)); });
}

// What find_program() finds with this PATH; with nothing it is not set.
std::string found_in(const std::optional<std::string>& path) {
  const std::string own = std::getenv("PATH");
  path ? setenv("PATH", path->c_str(), 1) : unsetenv("PATH");
  std::string found = find_program("program");
  setenv("PATH", own.c_str(), 1);
  return found;
}

// The exit status of a child that becomes the program.
int status_of(const std::vector<std::string>& arguments) {
  const pid_t child = fork();
  if (child == 0) _exit(static_cast<int>(caught_from([&] { exec_program(arguments); }).exit));
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

std::vector<std::string> cannot_execute(const std::string& path, int error,
                                        const std::string& hint = {}) {
  return system_error(error, "execute " + path, hint).lines();
}

}  // namespace

TEST_CASE("the interpreter of a script is the first word behind #!") {
  const std::vector<std::pair<std::string, std::string_view>> rows{
      {"#!/bin/sh\necho\n", "/bin/sh"},
      {"#!/bin/sh", "/bin/sh"},
      {"#! /bin/sh\n", "/bin/sh"},
      {"#! \t /bin/sh \t\n", "/bin/sh"},
      {"#!/bin/sh -e -u\n", "/bin/sh"},
      {"#!/usr/bin/env bash\n", "/usr/bin/env"},
      {"#!sh\n", "sh"},
      {"#!/bin/sh\r\n", "/bin/sh\r"},
      {"#!/bin/sh\n" + std::string(1 << 20, 'x'), "/bin/sh"},
      {"", ""},
      {"#", ""},
      {"#!", ""},
      {"#!\n", ""},
      {"#! \t\n/bin/sh\n", ""},
      {"#\n!/bin/sh\n", ""},
      {" #!/bin/sh\n", ""},
      {"\xef\xbb\xbf#!/bin/sh\n", ""},
      {"echo #!/bin/sh\n", ""},
  };
  for (const auto& [content, interpreter] : rows) {
    CAPTURE(quote(content));
    CHECK(interpreter_of_content(content) == interpreter);
  }
}

TEST_CASE("of a long line of a script as much is read as the kernel reads") {
  CHECK(interpreter_of_content("#!" + std::string(200, 'x') + "\n") == std::string(200, 'x'));
  CHECK(interpreter_of_content("#!" + std::string(1000, 'x')) == std::string(254, 'x'));
}

TEST_CASE("the interpreter of an ELF program is its dynamic linker") {
  check_elf<Elf64>();
  check_elf<Elf32>();
}

TEST_CASE("a dynamic linker with a long path") {
  Elf64 elf;
  elf.path = '/' + std::string(200, 'x') + '\0';
  CHECK(interpreter_of_content(elf.text()) == '/' + std::string(200, 'x'));
}

TEST_CASE("an ELF program that is cut short has none") {
  check_truncated_elf<Elf64>();
  check_truncated_elf<Elf32>();
}

TEST_CASE("nor has one whose parts are elsewhere than it says") {
  check_elf_that_points_nowhere<Elf64>();
  check_elf_that_points_nowhere<Elf32>();
}

TEST_CASE("the interpreter of this program is the one that was used") {
  CHECK(interpreter_of("/proc/self/exe") == own_interpreter());
}

TEST_CASE("what cannot be read as a file has no interpreter") {
  const TemporaryDirectory directory;
  CHECK(interpreter_of(directory.path("missing")).empty());
  CHECK(interpreter_of("").empty());
  CHECK(interpreter_of("/").empty());
  CHECK(interpreter_of("/dev/null").empty());

  const std::string loop = directory.path("loop");
  REQUIRE(symlink(loop.c_str(), loop.c_str()) == 0);
  CHECK(interpreter_of(loop).empty());
}

TEST_CASE("a FIFO that nobody writes to is not waited for") {
  const TemporaryDirectory directory;
  const std::string fifo = directory.path("fifo");
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  alarm(10);
  CHECK(interpreter_of(fifo).empty());
  alarm(0);
}

TEST_CASE("a program that does not exist") {
  const TemporaryDirectory directory;
  const std::string missing = directory.path("missing");
  const Caught caught = exec_caught(missing);
  CHECK(caught.exit == Exit::not_found);
  CHECK(caught.lines == cannot_execute(missing, ENOENT));
}

TEST_CASE("a program whose interpreter does not exist") {
  const TemporaryDirectory directory;
  const std::string script = directory.write("script", "#! /no/such/shell -e\n");
  const Caught direct = exec_caught(script);
  CHECK(direct.exit == Exit::not_found);
  CHECK(direct.lines ==
        cannot_execute(script, ENOENT, "its interpreter /no/such/shell does not exist"));

  // The missing one is named, however many scripts are before it.
  const std::string outer = directory.write("outer", "#!" + script + "\n");
  const Caught indirect = exec_caught(outer);
  CHECK(indirect.exit == Exit::not_found);
  CHECK(indirect.lines ==
        cannot_execute(outer, ENOENT, "its interpreter /no/such/shell does not exist"));
}

TEST_CASE("a path that would be lost in a message, or break it, is quoted there") {
  const TemporaryDirectory directory;
  const std::string script = directory.write("script", "#!/bin/sh\r\n");
  CHECK(exec_caught(script).lines ==
        cannot_execute(script, ENOENT, R"(its interpreter "/bin/sh\x0d" does not exist)"));

  const std::string blank = directory.path("a b");
  CHECK(exec_caught(blank).lines == cannot_execute('"' + blank + '"', ENOENT));
  CHECK(exec_caught("").lines == cannot_execute(R"("")", ENOENT));
}

TEST_CASE("a program whose dynamic linker does not exist") {
  Elf<ElfW(Ehdr), ElfW(Phdr)> elf;
  elf.path = "/no/such/loader"s + '\0';
  elf.interpreter.p_filesz = elf.path.size();
  elf.header.e_machine = own_machine();
  const TemporaryDirectory directory;
  const std::string program = directory.write("program", elf.text());
  const Caught caught = exec_caught(program);
  CHECK(caught.exit == Exit::not_found);
  CHECK(caught.lines ==
        cannot_execute(program, ENOENT, "its interpreter /no/such/loader does not exist"));
}

TEST_CASE("a program that is no executable file") {
  const TemporaryDirectory directory;
  const std::string plain = directory.write("plain", "#!/bin/sh\n", 0644);
  const Caught not_executable = exec_caught(plain);
  CHECK(not_executable.exit == Exit::not_executable);
  CHECK(not_executable.lines ==
        cannot_execute(plain, EACCES, plain + " is not an executable file"));

  const std::string script = directory.write("script", "#!" + plain + "\n");
  CHECK(exec_caught(script).lines ==
        cannot_execute(script, EACCES, plain + " is not an executable file"));

  const Caught directory_itself = exec_caught("/");
  CHECK(directory_itself.exit == Exit::not_executable);
  CHECK(directory_itself.lines == cannot_execute("/", EACCES, "/ is not an executable file"));
}

TEST_CASE("a program of a form that the kernel does not know") {
  const TemporaryDirectory directory;
  const std::string text = directory.write("text", "echo\n");
  const Caught caught = exec_caught(text);
  CHECK(caught.exit == Exit::not_executable);
  CHECK(caught.lines ==
        cannot_execute(text, ENOEXEC, "neither a program for this machine nor a script with #!"));
}

TEST_CASE("a program below what is no directory") {
  const TemporaryDirectory directory;
  const std::string below = directory.write("file", "") + "/init";
  const Caught caught = exec_caught(below);
  CHECK(caught.exit == Exit::not_found);
  CHECK(caught.lines == cannot_execute(below, ENOTDIR));
}

TEST_CASE("a program gets all its arguments, and nothing behind them") {
  CHECK(status_of({"/bin/sh", "-c", R"(test $# = 3 && test "$1$2$3" = 'a b$c')", "sh", "a b", "",
                   "$c"}) == 0);
  CHECK(status_of({"/bin/sh", "-c", "exit 7"}) == 7);
  CHECK(status_of({"sh"}) == static_cast<int>(Exit::not_found));
}

TEST_CASE("a program is the first executable file of its name in PATH") {
  const TemporaryDirectory first;
  const TemporaryDirectory second;
  const std::string wanted = second.write("program", "");
  const std::string other = first.path("program");
  const std::string both = first.path("") + ':' + second.path("");
  CHECK(std::filesystem::equivalent(found_in(both), wanted));
  // Whatever of that name is before it: a plain file, a directory, a link to nothing.
  first.write("program", "", 0644);
  CHECK(std::filesystem::equivalent(found_in(both), wanted));
  std::filesystem::remove(other);
  std::filesystem::create_directory(other);
  CHECK(std::filesystem::equivalent(found_in(both), wanted));
  std::filesystem::remove(other);
  std::filesystem::create_symlink("/no/such/program", other);
  CHECK(std::filesystem::equivalent(found_in(both), wanted));
  std::filesystem::remove(other);
  first.write("program", "");
  CHECK(std::filesystem::equivalent(found_in(both), other));
}

TEST_CASE("a program that is nowhere in PATH is not found") {
  const TemporaryDirectory directory;
  directory.write("program", "");
  const auto own = std::filesystem::current_path();
  std::filesystem::current_path(directory.path(""));
  // A part that is no absolute path would depend on where we are.
  for (const char* path : {"", ":", ".", "..:.", "/no/such/directory", "/dev/null"}) {
    CAPTURE(path);
    CHECK(found_in(path).empty());
  }
  CHECK(found_in(std::nullopt).empty());
  std::filesystem::current_path(own);
}
