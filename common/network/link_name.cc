// SPDX-License-Identifier: MIT
#include "common/network/link_name.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace container_init {
namespace {

// SipHash-2-4 (Aumasson and Bernstein, 2012), as systemd hashes a name.
class SipHash {
 public:
  static std::uint64_t of(std::string_view text, std::uint64_t key0, std::uint64_t key1) {
    SipHash hash(key0, key1);
    const std::size_t whole = text.size() / 8 * 8;
    for (std::size_t i = 0; i < whole; i += 8) hash.add(word_of(text.substr(i, 8)));
    hash.add(word_of(text.substr(whole)) | std::uint64_t{text.size()} << 56);
    return hash.finish();
  }

 private:
  SipHash(std::uint64_t key0, std::uint64_t key1)
      : v_{key0 ^ 0x736f6d6570736575, key1 ^ 0x646f72616e646f6d, key0 ^ 0x6c7967656e657261,
           key1 ^ 0x7465646279746573} {}

  // Up to eight bytes, little endian.
  static std::uint64_t word_of(std::string_view bytes) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << 8 * i;
    return word;
  }

  void add(std::uint64_t word) {
    v_[3] ^= word;
    round();
    round();
    v_[0] ^= word;
  }

  std::uint64_t finish() {
    v_[2] ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  }

  void round() {
    mix(0, 1, 13);
    v_[0] = std::rotl(v_[0], 32);
    mix(2, 3, 16);
    mix(0, 3, 21);
    mix(2, 1, 17);
    v_[2] = std::rotl(v_[2], 32);
  }

  void mix(std::size_t a, std::size_t b, int bits) {
    v_[a] += v_[b];
    v_[b] = std::rotl(v_[b], bits) ^ v_[a];
  }

  std::array<std::uint64_t, 4> v_;
};

// The key of systemd's net_shorten_ifname: e1 90 a4 04 a8 ef 4b 51 8c cc c3 3a 9f 11 fc a2.
constexpr std::uint64_t kKey0 = 0x514befa804a490e1;
constexpr std::uint64_t kKey1 = 0xa2fc119f3ac3cc8c;

constexpr std::string_view kUrlSafeBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kHashCharacters = 4;

bool is_plain(char c) { return c > ' ' && c < 127 && c != '/' && c != ':' && c != '%'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Parsed<std::string> parse_link_name(std::string_view text) {
  if (text.empty()) return Reason{"empty"};
  if (text.size() > kLongestLinkName) return Reason{"longer than 15 characters"};
  if (!std::all_of(text.begin(), text.end(), is_plain))
    return Reason{"a character that is not allowed"};
  if (std::all_of(text.begin(), text.end(), is_digit)) return Reason{"a number"};
  if (text == "." || text == ".." || text == "all" || text == "default")
    return Reason{"a name with a meaning of its own"};
  return std::string(text);
}

bool is_link_name(std::string_view text) { return value_of(parse_link_name(text)) != nullptr; }

std::string host_link_name(std::string_view instance, bool in_bridge) {
  return (in_bridge ? "vb-" : "ve-") + std::string(instance);
}

std::string short_link_name(std::string_view name) {
  if (name.size() <= kLongestLinkName) return std::string(name);
  std::string shortened(name.substr(0, kLongestLinkName - kHashCharacters));
  const std::uint64_t hash = SipHash::of(name, kKey0, kKey1);
  for (int shift = 18; shift >= 0; shift -= 6) shortened += kUrlSafeBase64[hash >> shift & 63];
  return shortened;
}

}  // namespace container_init
