// SPDX-License-Identifier: MIT
#include "common/base/terminate.h"

#include <cstdlib>
#include <exception>

namespace __gnu_cxx {

void __verbose_terminate_handler() { std::abort(); }

}  // namespace __gnu_cxx

namespace container_init {

void abort_on_terminate() noexcept { std::set_terminate(__gnu_cxx::__verbose_terminate_handler); }

}  // namespace container_init
