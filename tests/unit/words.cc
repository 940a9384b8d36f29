// SPDX-License-Identifier: MIT
#include "common/base/words.h"

#include <random>

#include "hooks/process.h"
#include "tests/unit/catch.h"

using namespace container_init;
using namespace std::string_view_literals;

namespace {

using Words = std::vector<std::string>;

Words texts(const std::vector<std::string_view>& views) { return {views.begin(), views.end()}; }

// The words, or as the only one the reason why there are none.
Words words_or_reason(std::string_view text) {
  const auto parsed = split_quoted(text);
  const auto* words = value_of(parsed);
  return words ? *words : Words{std::get<Reason>(parsed).text};
}

struct Row {
  std::string_view text;
  Words words;
};

// What a shell makes of them, a line each.
std::string through_shell(const Words& texts) {
  std::string script = "printf '%s\\n'";
  for (const std::string& text : texts) script += ' ' + shell_quote(text);
  return run_process({"sh", "-c", script}).output;
}

std::string lines(const Words& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += text + '\n';
  return joined;
}

// Of characters with a meaning in a shell, for the most part.
std::string random_text(std::mt19937& random) {
  constexpr std::string_view kBytes = " \t\n'\"\\$`*?[]{}()<>|&;#~!=%^-az09\x01\x7f\xc3\xa9\xff";
  std::string text;
  for (auto left = random() % 12; left > 0; --left) text += kBytes[random() % kBytes.size()];
  return text;
}

}  // namespace

TEST_CASE("words are what stands between white space") {
  const std::vector<Row> rows{
      {{}, {}},
      {"", {}},
      {" \t\n ", {}},
      {"a", {"a"}},
      {"a b", {"a", "b"}},
      {"  a\t\tb\n\nc  ", {"a", "b", "c"}},
      {"a\rb", {"a\rb"}},
      {"'a b'", {"'a", "b'"}},
      {"a\0b c"sv, {std::string("a\0b", 3), "c"}},
  };
  for (const auto& [text, words] : rows) {
    CAPTURE(quote(text));
    CHECK(texts(split_words(text)) == words);
  }
}

TEST_CASE("a list is split at every separator and keeps empty items") {
  const std::vector<Row> rows{
      {{}, {""}},       {"", {""}},          {",", {"", ""}},
      {"a", {"a"}},     {"a,b", {"a", "b"}}, {",a,,b,", {"", "a", "", "b", ""}},
      {"a b", {"a b"}}, {"a;b", {"a;b"}},
  };
  for (const auto& [text, items] : rows) {
    CAPTURE(quote(text));
    CHECK(texts(split_list(text, ',')) == items);
  }
  CHECK(texts(split_list("a:b,c", ':')) == Words{"a", "b,c"});
}

// POSIX.1-2017, Shell Command Language, 2.2 Quoting.
TEST_CASE("quoted words follow the rules of the shell") {
  const std::vector<Row> rows{
      {{}, {}},
      {" \t\n", {}},
      {"a  b\tc\nd", {"a", "b", "c", "d"}},
      {"--bind=/a --tmpfs=/b", {"--bind=/a", "--tmpfs=/b"}},
      // Single quotes keep everything.
      {"'a b'", {"a b"}},
      {R"('a\b"c$d`e')", {R"(a\b"c$d`e)"}},
      {R"('a\')", {R"(a\)"}},
      {"'a\nb'", {"a\nb"}},
      // Double quotes keep a backslash, but for five characters.
      {R"("a b")", {"a b"}},
      {R"("a'b")", {"a'b"}},
      {R"("a\$b\`c\"d\\e")", {R"(a$b`c"d\e)"}},
      {R"("a\b\'c\ d")", {R"(a\b\'c\ d)"}},
      {"\"a\\\nb\"", {"ab"}},
      {R"("a\\")", {R"(a\)"}},
      // Outside a backslash keeps the next character, and with a newline is nothing.
      {R"(a\ b)", {"a b"}},
      {R"(\a\'\"\\)", {R"(a'"\)"}},
      {"a\\\nb", {"ab"}},
      {"a \\\n b", {"a", "b"}},
      {"\\\n", {}},
      {R"(\ )", {" "}},
      // Empty words count, and parts side by side are one word.
      {"''", {""}},
      {R"("")", {""}},
      {"a '' b", {"a", "", "b"}},
      {"a''b", {"ab"}},
      {R"('a'"b"\cd)", {"abcd"}},
      {R"(--x='a b'" c")", {"--x=a b c"}},
      {"\"\\\n\"", {""}},
      // Nothing is expanded, and nothing else has a meaning.
      {"$HOME `date` $(date) * ? ~ #a", {"$HOME", "`date`", "$(date)", "*", "?", "~", "#a"}},
      {"a;b a|b a&b <c >d", {"a;b", "a|b", "a&b", "<c", ">d"}},
      {"a\0b"sv, {std::string("a\0b", 3)}},
      {"\xff\xfe", {"\xff\xfe"}},
  };
  for (const auto& [text, words] : rows) {
    CAPTURE(quote(text));
    CHECK(words_or_reason(text) == words);
  }
}

TEST_CASE("what is not closed is named with its place") {
  const std::vector<std::pair<std::string_view, std::string_view>> rows{
      {"'", "the single quote at character 1 is not closed"},
      {"a 'b", "the single quote at character 3 is not closed"},
      {"'a' 'b", "the single quote at character 5 is not closed"},
      {R"('a\' b')", "the single quote at character 7 is not closed"},
      {R"(")", "the double quote at character 1 is not closed"},
      {R"(ab"c'd')", "the double quote at character 3 is not closed"},
      {R"("a\")", "the double quote at character 1 is not closed"},
      {R"("a\)", "the double quote at character 1 is not closed"},
      {R"(\)", "the backslash at character 1 escapes nothing"},
      {R"(a b\)", "the backslash at character 4 escapes nothing"},
      {"\xff 'a", "the single quote at character 3 is not closed"},
  };
  for (const auto& [text, reason] : rows) {
    CAPTURE(quote(text));
    CHECK(words_or_reason(text) == Words{std::string(reason)});
  }
}

TEST_CASE("a word for a shell is left as it is where it needs no quotes") {
  const std::vector<std::pair<std::string_view, std::string_view>> rows{
      {"", "''"},
      {"a", "a"},
      {"--bind=/a:/b,c", "--bind=/a:/b,c"},
      {"SIGRTMIN+3", "SIGRTMIN+3"},
      {"10.0.0.1/24", "10.0.0.1/24"},
      {"a b", "'a b'"},
      {"$HOME", "'$HOME'"},
      {"~", "'~'"},
      {"a'b", R"('a'\''b')"},
      {"'", R"(''\''')"},
      {"a\nb", "'a\nb'"},
      {"\xc3\xa9", "'\xc3\xa9'"},
  };
  for (const auto& [text, quoted] : rows) CHECK(shell_quote(text) == quoted);
}

TEST_CASE("a shell gives back every byte of a quoted word") {
  Words texts;
  for (int byte = 1; byte < 256; ++byte) texts.push_back({static_cast<char>(byte), 'x'});
  CHECK(through_shell(texts) == lines(texts));
  std::mt19937 random(1);
  for (int i = 0; i < 10; ++i) {
    texts.resize(200);
    for (std::string& text : texts) text = random_text(random);
    CHECK(through_shell(texts) == lines(texts));
  }
}

TEST_CASE("a quoted word is one word for our own rules as well") {
  std::mt19937 random(2);
  for (int i = 0; i < 10000; ++i) {
    const std::string text = random_text(random);
    CAPTURE(quote(text));
    CHECK(words_or_reason(shell_quote(text)) == Words{text});
    CHECK(words_or_reason("a " + shell_quote(text) + " b") == Words{"a", text, "b"});
  }
}

TEST_CASE("quoted text is printable ASCII") {
  const std::vector<std::pair<std::string_view, std::string_view>> rows{
      {{}, R"("")"},
      {"web", R"("web")"},
      {" ~", R"(" ~")"},
      {R"(a"b\c)", R"("a\"b\\c")"},
      {"a\nb\tc", R"("a\x0ab\x09c")"},
      {"\0"sv, R"("\x00")"},
      {"\x1b[31m\x7f", R"("\x1b[31m\x7f")"},
      {"\xc3\xa9\xff", R"("\xc3\xa9\xff")"},
  };
  for (const auto& [text, quoted] : rows) CHECK(quote(text) == quoted);
}

TEST_CASE("long text is cut after 80 bytes and shows it") {
  const std::string eighty(80, 'x');
  CHECK(quote(eighty) == '"' + eighty + '"');
  CHECK(quote(eighty + 'y') == '"' + eighty + "\"...");
  CHECK(quote(std::string(1 << 20, 'x')) == '"' + eighty + "\"...");
  CHECK(quote(std::string(1 << 20, '\xff')).size() == 80 * 4 + 5);
}
