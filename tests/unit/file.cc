// SPDX-License-Identifier: MIT
#include "common/base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <thread>

#include "tests/unit/catch.h"
#include "tests/unit/temporary_directory.h"

using namespace container_init;
using namespace std::string_literals;

namespace {

constexpr std::size_t kLongest = 8 << 20;

Descriptor open_for_writing(const std::string& path) {
  return Descriptor(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

}  // namespace

TEST_CASE("sizes, inodes and times of files have 64 bits where a long has 32, too") {
  STATIC_REQUIRE(sizeof(stat::st_size) == 8);
  STATIC_REQUIRE(sizeof(stat::st_ino) == 8);
  STATIC_REQUIRE(sizeof(std::time_t) == 8);
}

TEST_CASE("a file is read whole") {
  const TemporaryDirectory directory;
  for (const std::string& text :
       {""s, "a"s, "a\nb\n"s, "a\0b"s, std::string(4096, 'x'), std::string(4097, 'x'),
        std::string(65537, 'x'), std::string(kLongest, 'x')}) {
    CAPTURE(text.size());
    CHECK(read_file(directory.write("file", text)) == text);
  }
}

TEST_CASE("a file that is too long is not read in part") {
  const TemporaryDirectory directory;
  CHECK_FALSE(read_file(directory.write("file", std::string(kLongest + 1, 'x'))));
  CHECK(errno == EFBIG);
  CHECK_FALSE(read_file("/dev/zero"));
  CHECK(errno == EFBIG);
}

TEST_CASE("what cannot be read is nothing, and errno says why") {
  const TemporaryDirectory directory;
  CHECK_FALSE(read_file(directory.path("missing")));
  CHECK(errno == ENOENT);
  CHECK_FALSE(read_file(directory.path("")));
  CHECK(errno == EISDIR);
  CHECK_FALSE(read_file(directory.write("file", "") + "/below"));
  CHECK(errno == ENOTDIR);
  CHECK_FALSE(read_file(Descriptor()));
  CHECK(errno == EBADF);
}

TEST_CASE("what is written can be read") {
  const TemporaryDirectory directory;
  for (const std::string& text : {""s, "a\n"s, "a\0b"s, std::string(1 << 20, 'x')}) {
    CAPTURE(text.size());
    const std::string path = directory.write("file", "");
    CHECK(write_all(open_for_writing(path).get(), text));
    CHECK(std::filesystem::file_size(path) == text.size());
    CHECK(read_file(path) == text);
  }
}

TEST_CASE("all is written into a pipe that takes it in parts") {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  const Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  const std::string text(1 << 20, 'x');
  bool written = false;
  std::thread thread([&] {
    written = write_all(writer.get(), text);
    writer = Descriptor();
  });
  std::size_t size = 0;
  std::array<char, 1000> buffer;
  for (ssize_t part = 0; (part = read(reader.get(), buffer.data(), buffer.size())) > 0;)
    size += static_cast<std::size_t>(part);
  thread.join();
  CHECK(written);
  CHECK(size == text.size());
}

TEST_CASE("what cannot be written is false, and errno says why") {
  CHECK_FALSE(write_all(open_for_writing("/dev/full").get(), "a"));
  CHECK(errno == ENOSPC);
  CHECK(write_all(open_for_writing("/dev/full").get(), ""));
  CHECK_FALSE(write_all(-1, "a"));
  CHECK(errno == EBADF);
}
