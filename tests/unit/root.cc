// SPDX-License-Identifier: MIT
#include "hooks/start/root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <thread>

#include "common/base/file.h"
#include "tests/unit/catch.h"
#include "tests/unit/temporary_directory.h"
#include "tests/unit/values.h"

using namespace container_init;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr auto kTemporary = "etc/.resolv.conf.container-init";

struct stat status_of(const std::string& path) {
  struct stat status {};
  CAPTURE(path);
  REQUIRE(lstat(path.c_str(), &status) == 0);
  return status;
}

mode_t mode_of(const std::string& path) { return status_of(path).st_mode & 07777; }

// Everything below a directory, and itself: kind and mode, owner, and what a file holds.
std::map<std::string, std::string> everything_in(const std::string& path) {
  std::map<std::string, std::string> found;
  const auto add = [&](const fs::path& entry) {
    const struct stat status = status_of(entry);
    const std::string text = S_ISREG(status.st_mode) ? read_file(entry).value_or("") : "";
    found[entry] = fmt::format("{:o} {}:{} {}", status.st_mode, status.st_uid, status.st_gid, text);
  };
  add(path);
  for (const auto& entry : fs::recursive_directory_iterator(path)) add(entry.path());
  return found;
}

// A container's root beside what is not the container's.
class Host {
 public:
  Host() {
    fs::create_directory(path("root"));
    fs::create_directory(path("outside"));
    directory_.write("outside/secret", "secret", 0600);
    fs::create_directory(path("outside/sub"));
  }

  std::string path(const std::string& name) const { return directory_.path(name); }
  std::string in_root(const std::string& name) const { return path("root/" + name); }
  std::string outside() const { return path("outside"); }
  Root root() const { return Root(path("root")); }

 private:
  TemporaryDirectory directory_;
};

// What `start` does in a root, as far as it gets.
std::vector<Caught> prepare(const Root& root) {
  return {caught_from([&] { root.make_directory("etc", 0755); }),
          caught_from([&] { root.make_directory("etc/sub", 0700); }),
          caught_from([&] { root.make_directory("etc/new/deep", 0700); }),
          caught_from([&] { root.make_file("etc/os-release"); }),
          caught_from([&] { root.make_file("etc/secret"); }),
          caught_from([&] { root.replace_file("etc/secret", "evil"); }),
          caught_from([&] { root.replace_file("etc/resolv.conf", "evil"); })};
}

// Ways out of a root for a link "etc" in it.
std::vector<std::string> ways_to(const std::string& outside) {
  return {outside,
          "../outside",
          "./../outside",
          "../../../../../.." + outside,
          "/.." + outside,
          "a/../../outside",
          "/../../../" + outside,
          outside + "/sub/..",
          "../outside/",
          "../root/../outside",
          "/proc/self/root" + outside,
          "/proc/self/cwd",
          "/dev/fd/../cwd"};
}

// Does something again and again until it is destroyed.
class Repeatedly {
 public:
  template <typename Function>
  explicit Repeatedly(Function function)
      : thread_([this, function] {
          while (!done_) function();
        }) {}
  Repeatedly(Repeatedly&&) = delete;
  Repeatedly(const Repeatedly&) = delete;
  Repeatedly& operator=(Repeatedly&&) = delete;
  Repeatedly& operator=(const Repeatedly&) = delete;
  ~Repeatedly() {
    done_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

void swap_names(const std::string& a, const std::string& b) {
  constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE
  syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), kExchange);
}

template <typename Function>
void do_for(std::chrono::milliseconds time, Function function) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) function();
}

// With every bit of a new file's mode taken away.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(umask(mask)) {}
  Umask(Umask&&) = delete;
  Umask(const Umask&) = delete;
  Umask& operator=(Umask&&) = delete;
  Umask& operator=(const Umask&) = delete;
  ~Umask() { umask(before_); }

 private:
  mode_t before_;
};

}  // namespace

TEST_CASE("a root is made where there is none, and can be made again") {
  const Host host;
  for (int i = 0; i < 2; ++i) {
    const Root root = Root::make(host.path("new/deep/root"));
    root.make_directory("usr/bin", 0755);
    root.make_file("etc/os-release");
    root.replace_file("etc/resolv.conf", "text");
  }
  CHECK(fs::is_directory(host.path("new/deep/root/usr/bin")));
  CHECK(fs::file_size(host.path("new/deep/root/etc/os-release")) == 0);
  CHECK(read_file(host.path("new/deep/root/etc/resolv.conf")) == "text");
}

TEST_CASE("modes are what they should be, whatever they were and whatever the umask") {
  const Host host;
  const Umask umask(geteuid() == 0 ? 0777 : 0077);
  const Root root = host.root();
  root.make_directory("var/lib/private", 0700);
  root.make_directory("etc", 0755);
  root.make_file("etc/os-release");
  root.replace_file("etc/resolv.conf", "");
  CHECK(mode_of(host.in_root("var")) == 0755);
  CHECK(mode_of(host.in_root("var/lib")) == 0755);
  CHECK(mode_of(host.in_root("var/lib/private")) == 0700);
  CHECK(mode_of(host.in_root("etc")) == 0755);
  CHECK(mode_of(host.in_root("etc/os-release")) == 0644);
  CHECK(mode_of(host.in_root("etc/resolv.conf")) == 0644);

  for (const mode_t other : {0000, 0777, 04755, 02755, 01777}) {
    if (geteuid() != 0 && other == 0) continue;  // closed to us as well
    chmod(host.in_root("etc").c_str(), other);
    root.make_directory("etc", 0755);
    CHECK(mode_of(host.in_root("etc")) == 0755);
  }
  // Of those above it only where they are made.
  chmod(host.in_root("var").c_str(), 0711);
  root.make_directory("var/lib/private", 0700);
  CHECK(mode_of(host.in_root("var")) == 0711);
}

TEST_CASE("what is there is left as it is") {
  const Host host;
  fs::create_directories(host.in_root("etc/inner"));
  std::ofstream(host.in_root("etc/os-release")) << "ID=debian";
  chmod(host.in_root("etc/os-release").c_str(), 0600);
  fs::create_directory(host.in_root("etc/machine-id"));
  const auto before = everything_in(host.path("root"));
  const Root root = host.root();
  root.make_directory("etc", mode_of(host.in_root("etc")));
  root.make_file("etc/os-release");
  root.make_file("etc/machine-id");
  CHECK(everything_in(host.path("root")) == before);
}

TEST_CASE("what is made belongs to the owner of the root") {
  if (geteuid() != 0) return;
  const Host host;
  constexpr uid_t kOwner = 12345;
  constexpr gid_t kGroup = 23456;
  fs::create_directory(host.in_root("old"));
  REQUIRE(chown(host.path("root").c_str(), kOwner, kGroup) == 0);
  const Root root = host.root();
  root.make_directory("var/lib/private", 0700);
  root.make_file("etc/os-release");
  root.replace_file("etc/resolv.conf", "");
  for (const auto* name :
       {"var", "var/lib", "var/lib/private", "etc", "etc/os-release", "etc/resolv.conf"}) {
    CAPTURE(name);
    CHECK(status_of(host.in_root(name)).st_uid == kOwner);
    CHECK(status_of(host.in_root(name)).st_gid == kGroup);
  }
  root.make_directory("old", 0755);
  CHECK(status_of(host.in_root("old")).st_uid == 0);
}

TEST_CASE("a file is replaced, whatever it was") {
  const Host host;
  const Root root = host.root();
  const std::string path = host.in_root("etc/resolv.conf");
  const std::string target = host.in_root("target");
  root.make_directory("etc", 0755);
  std::ofstream(target) << "target";
  const std::vector<std::function<void()>> before{
      [] {},
      [&] { std::ofstream(path) << "longer than what comes"; },
      [&] { fs::create_symlink(target, path); },
      [&] { fs::create_symlink("../target", path); },
      [&] { fs::create_symlink(host.outside() + "/secret", path); },
      [&] { fs::create_symlink("/no/such/file", path); },
      [&] { fs::create_symlink("resolv.conf", path); },
      [&] { fs::create_hard_link(target, path); },
      [&] { mkfifo(path.c_str(), 0600); },
  };
  const auto outside = everything_in(host.outside());
  for (const auto& make : before) {
    fs::remove(path);
    make();
    root.replace_file("etc/resolv.conf", "text");
    CHECK(fs::is_regular_file(fs::symlink_status(path)));
    CHECK(fs::hard_link_count(path) == 1);
    CHECK(read_file(path) == "text");
    CHECK(read_file(target) == "target");
    CHECK(std::distance(fs::directory_iterator(host.in_root("etc")), {}) == 1);
  }
  CHECK(everything_in(host.outside()) == outside);
}

TEST_CASE("what is at the name of the temporary file is no hindrance and gets nothing") {
  const Host host;
  const Root root = host.root();
  root.make_directory("etc", 0755);
  const std::string secret = host.outside() + "/secret";
  const std::vector<std::function<void()>> planted{
      [&] { std::ofstream(host.in_root(kTemporary)) << "left by a run that was interrupted"; },
      [&] { fs::create_hard_link(secret, host.in_root(kTemporary)); },
      [&] { fs::create_symlink(secret, host.in_root(kTemporary)); },
      [&] { fs::create_symlink("../../outside/new", host.in_root(kTemporary)); },
      [&] { mkfifo(host.in_root(kTemporary).c_str(), 0666); },
  };
  const auto outside = everything_in(host.outside());
  for (const auto& plant : planted) {
    plant();
    root.replace_file("etc/resolv.conf", "text");
    CHECK(read_file(host.in_root("etc/resolv.conf")) == "text");
    CHECK_FALSE(fs::exists(fs::symlink_status(host.in_root(kTemporary))));
    CHECK(everything_in(host.outside()) == outside);
  }
}

TEST_CASE("a directory is not replaced by a file") {
  const Host host;
  fs::create_directories(host.in_root("etc/resolv.conf/sub"));
  const auto before = everything_in(host.path("root"));
  const Caught caught = caught_from([&] { host.root().replace_file("etc/resolv.conf", "text"); });
  CHECK(caught.exit == Exit::system);
  CHECK(caught.lines == std::vector<std::string>{"cannot write " + host.in_root("etc/resolv.conf") +
                                                 ": Is a directory"});
  CHECK(everything_in(host.path("root")) == before);
}

TEST_CASE("nor is a directory at the name of the temporary file") {
  const Host host;
  fs::create_directories(host.in_root(kTemporary) + "/sub");
  const auto before = everything_in(host.path("root"));
  const Caught caught = caught_from([&] { host.root().replace_file("etc/resolv.conf", "text"); });
  CHECK(caught.lines == std::vector<std::string>{"cannot write " + host.in_root("etc/resolv.conf") +
                                                 ": File exists"});
  CHECK(everything_in(host.path("root")) == before);
}

TEST_CASE("a link at the name of a file counts as the file") {
  const Host host;
  const Root root = host.root();
  root.make_directory("etc", 0755);
  const std::string path = host.in_root("etc/os-release");
  for (const std::string& target :
       {std::string("../usr/lib/os-release"), host.outside() + "/new", std::string("os-release")}) {
    fs::create_symlink(target, path);
    root.make_file("etc/os-release");
    CHECK(fs::read_symlink(path) == target);
    CHECK_FALSE(fs::exists(host.outside() + "/new"));
    CHECK_FALSE(fs::exists(host.in_root("usr")));
    fs::remove(path);
  }
}

TEST_CASE("no link leads out of the root") {
  for (std::size_t i = 0; i < ways_to({}).size(); ++i) {
    const Host host;
    const std::string way = ways_to(host.outside())[i];
    CAPTURE(way);
    fs::create_symlink(way, host.in_root("etc"));
    fs::create_directory(host.in_root("a"));
    const auto before = everything_in(host.outside());
    for (const Caught& caught : prepare(host.root())) CHECK(caught.exit != Exit::ok);
    CHECK(everything_in(host.outside()) == before);
    CHECK(fs::is_symlink(host.in_root("etc")));
  }
}

TEST_CASE("no chain of links does") {
  const Host host;
  fs::create_symlink("b/../c", host.in_root("etc"));
  fs::create_directory(host.in_root("b"));
  fs::create_symlink("/d/", host.in_root("c"));
  fs::create_symlink("../../.." + host.outside(), host.in_root("d"));
  const auto before = everything_in(host.outside());
  for (const Caught& caught : prepare(host.root())) CHECK(caught.exit == Exit::system);
  CHECK(everything_in(host.outside()) == before);
}

TEST_CASE("what is outside by its path may be inside by the container's") {
  const Host host;
  fs::create_directories(host.in_root("outside/sub"));
  fs::create_symlink("../../outside", host.in_root("etc"));
  const auto before = everything_in(host.outside());
  for (const Caught& caught : prepare(host.root())) CHECK(caught.exit == Exit::ok);
  CHECK(everything_in(host.outside()) == before);
  CHECK(read_file(host.in_root("outside/resolv.conf")) == "evil");
  CHECK(mode_of(host.in_root("outside/sub")) == 0700);
}

TEST_CASE("a link to the root of the container leads to it") {
  const Host host;
  for (const std::string target : {"/", "..", "/../..", "."}) {
    CAPTURE(target);
    fs::create_symlink(target, host.in_root("var"));
    host.root().make_directory("var/lib/private", 0700);
    CHECK(mode_of(host.in_root("lib/private")) == 0700);
    fs::remove_all(host.in_root("lib"));
    fs::remove(host.in_root("var"));
  }
}

TEST_CASE("a link in the place of a directory is not followed where it leads nowhere") {
  const Host host;
  for (const std::string target : {"/no/such/directory", "missing", "etc"}) {
    CAPTURE(target);
    fs::create_symlink(target, host.in_root("etc"));
    const auto before = everything_in(host.path("root"));
    for (const Caught& caught : prepare(host.root())) {
      CHECK(caught.exit == Exit::system);
      REQUIRE(caught.lines.size() == 1);
      CHECK(caught.lines[0].starts_with("cannot open directory " + host.in_root("etc")));
      CHECK(caught.lines[0].ends_with(": a symbolic link leads nowhere"));
    }
    CHECK(everything_in(host.path("root")) == before);
    fs::remove(host.in_root("etc"));
  }
}

TEST_CASE("what is no directory is none") {
  const Host host;
  const std::vector<std::function<void(const char*)>> others{
      [](const char* path) { std::ofstream(path) << "text"; },
      [](const char* path) { mkfifo(path, 0600); }};
  for (const auto& make : others) {
    make(host.in_root("etc").c_str());
    const auto before = everything_in(host.path("root"));
    for (const Caught& caught : prepare(host.root())) {
      REQUIRE(caught.lines.size() == 1);
      CHECK(caught.lines[0].find(": Not a directory") != std::string::npos);
    }
    CHECK(everything_in(host.path("root")) == before);
    fs::remove(host.in_root("etc"));
  }
}

// In a real root where /proc is mounted; ours stands for it.
TEST_CASE("magic links lead nowhere") {
  const TemporaryDirectory directory;
  const Root root("/proc");
  const std::string start = "self/root" + directory.path("");
  for (const std::string& path : {start + "new", std::string("self/cwd"), std::string("self/root")})
    CHECK(caught_from([&] { root.make_directory(path, 0755); }).exit == Exit::system);
  CHECK(caught_from([&] { root.make_file(start + "new"); }).exit == Exit::system);
  CHECK(caught_from([&] { root.replace_file(start + "new", ""); }).exit == Exit::system);
  CHECK(fs::is_empty(directory.path("")));
}

TEST_CASE("the host's own root is refused, by whatever path") {
  const TemporaryDirectory directory;
  fs::create_symlink("/", directory.path("link"));
  for (const std::string& path : {std::string("/"), std::string("//"), std::string("/proc/.."),
                                  std::string("/proc/self/root"), directory.path("link")}) {
    const Caught caught = caught_from([&] { Root{path}; });
    CHECK(caught.exit == Exit::config);
    CHECK(caught.lines ==
          std::vector<std::string>{"root=\"" + path + "\": this is the host's own root"});
  }
}

TEST_CASE("what is in the root is looked at without being opened") {
  const Host host;
  fs::create_directory(host.in_root("etc"));
  mkfifo(host.in_root("fifo").c_str(), 0600);
  std::ofstream(host.in_root("file")) << "text";
  const auto link = [&](const std::string& name, const std::string& target) {
    fs::create_symlink(target, host.in_root(name));
  };
  link("to-fifo", "/fifo");
  link("to-file", "../../file");
  link("out", host.outside() + "/secret");
  link("magic", "/proc/self/root" + host.outside() + "/secret");
  const Root root = host.root();
  using enum Root::Links;
  CHECK(root.kind_of("etc", follow) == mode_t{S_IFDIR});
  CHECK(root.kind_of("fifo", follow) == mode_t{S_IFIFO});
  CHECK(root.kind_of("to-fifo", follow) == mode_t{S_IFIFO});
  CHECK(root.kind_of("to-fifo", do_not_follow) == mode_t{S_IFLNK});
  CHECK_FALSE(root.kind_of("none", follow));
  CHECK(root.read_regular_file("file") == "text");
  CHECK(root.read_regular_file("to-file") == "text");
  for (const auto* name : {"fifo", "to-fifo", "etc", "none", "out", "magic"}) {
    CAPTURE(name);
    CHECK_FALSE(root.read_regular_file(name));
  }
  CHECK(root.is_missing("none"));
  CHECK(root.is_missing("/file/none"));
  CHECK(root.is_missing("out"));
  for (const auto* name : {"file", "/file", "to-file", "fifo", "etc", ""})
    CHECK_FALSE(root.is_missing(name));
}

TEST_CASE("a root that cannot be made is named") {
  const TemporaryDirectory directory;
  const std::string file = directory.write("file", "");
  CHECK(caught_from([&] { Root{file}; }).lines ==
        std::vector<std::string>{"cannot open directory " + file + ": Not a directory"});
  CHECK(caught_from([&] { Root::make(file + "/root"); }).lines ==
        std::vector<std::string>{"cannot make directory " + file + "/root: Not a directory"});
}

TEST_CASE("a directory of the host gets its mode, and is not the end of a link") {
  const Host host;
  const std::string path = host.path("run/containers");
  make_host_directory(path, 0700);
  CHECK(mode_of(path) == 0700);
  chmod(path.c_str(), 0777);
  make_host_directory(path, 0700);
  CHECK(mode_of(path) == 0700);

  fs::create_directory_symlink(host.outside(), host.path("link"));
  const auto before = everything_in(host.outside());
  CHECK(caught_from([&] { make_host_directory(host.path("link"), 0700); }).exit == Exit::system);
  CHECK(everything_in(host.outside()) == before);
}

// What the container may do while we are at work: at no moment is a way out open.
TEST_CASE("nothing outside is changed while directories become links") {
  const Host host;
  fs::create_directory(host.in_root("etc"));
  fs::create_symlink("../outside", host.in_root("other"));
  const auto before = everything_in(host.outside());
  std::size_t successes = 0;
  {
    const Repeatedly swapping(
        [a = host.in_root("etc"), b = host.in_root("other")] { swap_names(a, b); });
    const Root root = host.root();
    do_for(700ms, [&] {
      for (const Caught& caught : prepare(root)) successes += caught.exit == Exit::ok ? 1 : 0;
    });
  }
  CHECK(successes > 0);
  CHECK(everything_in(host.outside()) == before);
}

TEST_CASE("nothing outside is changed while its files are put in our way") {
  const Host host;
  fs::create_directory(host.in_root("etc"));
  const auto before = everything_in(host.outside());
  std::size_t successes = 0;
  {
    const Repeatedly planting(
        [secret = host.outside() + "/secret", place = host.in_root(kTemporary)] {
          if (link(secret.c_str(), place.c_str()) != 0) unlink(place.c_str());
        });
    const Root root = host.root();
    do_for(500ms, [&] {
      const Caught caught = caught_from([&] { root.replace_file("etc/resolv.conf", "evil"); });
      successes += caught.exit == Exit::ok ? 1 : 0;
    });
  }
  CHECK(successes > 0);
  CHECK(everything_in(host.outside()) == before);
}
