#pragma once

#include <ctime>

namespace belay::test {

// gcc defines names, clang answers a question.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

/// The processor time that this process has used since it was made. What else the machine does
/// does not count, and what a sanitizer costs is taken out roughly.
class CpuTime {
 public:
  double seconds() const {
    const double used = static_cast<double>(std::clock() - began_) / CLOCKS_PER_SEC;
    return kSanitized ? used / 20 : used;
  }

 private:
  std::clock_t began_ = std::clock();
};

}  // namespace belay::test
