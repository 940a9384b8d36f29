// SPDX-License-Identifier: MIT
// Headers of other projects that the unit tests use, compiled once for all of them. A test still
// includes what it uses.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "tests/unit/catch.h"
