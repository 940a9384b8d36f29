#include "common/descriptor.h"

#include <fcntl.h>

#include <optional>
#include <utility>

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
  std::optional<Descriptor> first(open_null());
  const int fd = first->get();
  const Descriptor second(*std::move(first));
  first.reset();
  CHECK(second.get() == fd);
  CHECK(is_open(fd));
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
