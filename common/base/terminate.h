// SPDX-License-Identifier: MIT
// The end of a program that throws what nobody catches.
#pragma once

namespace container_init {

// std::terminate() aborts and prints nothing; an exception that is not caught gets there, and all
// are, in run_program(). libstdc++'s own handler prints the name of the exception's type, for which
// it links a demangler of 50 kB. Only the link can leave that out: terminate.cc has a handler of
// the same name, and an archive gives it up only to a program that calls this.
void abort_on_terminate() noexcept;

}  // namespace container_init
