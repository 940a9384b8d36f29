// SPDX-License-Identifier: MIT
#include "common/base/descriptor.h"

#include <fcntl.h>

#include <utility>
#include <vector>

#include "tests/unit/catch.h"

using namespace container_init;

namespace {

Descriptor open_null() { return Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC)); }
bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

}  // namespace

TEST_CASE("a descriptor is closed with its owner") {
  int fd = -1;
  {
    const Descriptor owner = open_null();
    fd = owner.get();
    CHECK(owner.is_open());
    CHECK(is_open(fd));
  }
  CHECK_FALSE(is_open(fd));
}

TEST_CASE("a descriptor moves to its new owner") {
  std::vector<Descriptor> owners;
  int fd = -1;
  {
    Descriptor first = open_null();
    fd = first.get();
    owners.push_back(std::move(first));
  }
  CHECK(owners.front().get() == fd);
  CHECK(is_open(fd));
  owners.clear();
  CHECK_FALSE(is_open(fd));
}

TEST_CASE("what is assigned replaces what was owned") {
  Descriptor owner = open_null();
  const int fd = owner.get();
  owner = Descriptor();
  CHECK_FALSE(owner.is_open());
  CHECK_FALSE(is_open(fd));
}

TEST_CASE("a descriptor that could not be opened owns nothing") {
  CHECK_FALSE(Descriptor().is_open());
  CHECK_FALSE(Descriptor(-1).is_open());
}
