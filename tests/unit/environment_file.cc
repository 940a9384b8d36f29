// SPDX-License-Identifier: MIT
#include "hooks/environment_file.h"

#include <string>
#include <vector>

#include "tests/unit/catch.h"

using namespace container_init;

TEST_CASE("what systemd reads as assignments") {
  for (const std::string text : {
           "",
           "\n \n",
           "A=1",
           "A=1\n_b2 = 2\n",
           "# A\n; B\n  # C\nA=\n",
           "# a comment \\\ngoes on\nA=1\n",
           "A=one \\\nmore\n",
           "A='one\nmore \\'\nB=1\n",
           "A=\"one\nmore \\\" yet more\"\nB=1\n",
           "A='1'\"2\n3\" 4 \"5\nB='6'\n",
           "A=it's\nB=1\n",
           "A='not closed\nB\n",
       })
    CHECK(find_no_assignments(text).empty());
}

TEST_CASE("what systemd ignores is found, with its line") {
  using Found = std::vector<NoAssignment>;
  CHECK(find_no_assignments("A=1\n\nexport B=1\nC=3\n") == Found{{3, "export B"}});
  CHECK(find_no_assignments("HOST_ADDRESS: 10.0.0.1\n") == Found{{1, "HOST_ADDRESS: 10.0.0.1"}});
  CHECK(find_no_assignments("A='1\n2'\nB-C=1\n1D=1\n=1") == Found{{3, "B-C"}, {4, "1D"}, {5, ""}});
  CHECK(find_no_assignments("A=it's\nB \nC=that's\n") == Found{{2, "B"}});
}
