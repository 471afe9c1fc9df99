#include "agent/api/Workers.h"

#include <pthread.h>

#include <optional>
#include <utility>

namespace belay::api {

Workers::Workers(std::string name, std::size_t threads, std::size_t queueMax,
                 std::function<flow::SyntaxCheck()> makeSyntaxCheck)
    : makeSyntaxCheck_(std::move(makeSyntaxCheck)), queue_(queueMax) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, label = name + "-" + std::to_string(i + 1)] { run(label); });
  }
}

Workers::~Workers() {
  queue_.close();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::run(const std::string& name) noexcept {
  ::pthread_setname_np(::pthread_self(), name.c_str());
  Tools tools;
  bool ready = false;
  while (std::optional<Work> work = queue_.pop()) {
    // A context of the interpreter costs memory: made with the first work, not at the start.
    if (!ready && makeSyntaxCheck_) tools.syntax = makeSyntaxCheck_();
    ready = true;
    (*work)(tools);
  }
}

}  // namespace belay::api
