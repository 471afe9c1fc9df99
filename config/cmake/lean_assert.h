// Included before everything else in what is shipped.
//
// The standard library's assertions (_GLIBCXX_ASSERTIONS) stay, and end the process as before; but they do it by one
// instruction instead of a call with file, line, function and condition, whose texts are a twentieth of the program. The
// core and the unstripped belay.debug say where it was; every other build still has the texts.
#pragma once

#include <bits/c++config.h>

#undef __glibcxx_assert_impl
#define __glibcxx_assert_impl(condition)              \
  if (__builtin_expect(!bool(condition), false)) {    \
    __glibcxx_constexpr_assert(false);                \
    __builtin_trap();                                 \
  }
