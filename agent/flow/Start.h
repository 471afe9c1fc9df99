#pragma once

#include <cstdint>
#include <string>

namespace belay::flow {

/// What becomes of a start when as many runs of its key are active as may be.
enum class OnConflict : std::uint8_t { kQueue, kSkip, kReject, kSupersede };

/// What queued runs do when another release becomes live.
enum class OnNewRelease : std::uint8_t {
  kCoexist,   ///< They keep their release and their place.
  kDrain,     ///< And runs of another release begin when they have ended.
  kSupersede  ///< They end, and runs of the new release take their place.
};

/// How many runs of a flow may be active at once, and what becomes of more.
struct Concurrency {
  std::string key;  ///< A template over input and trigger; empty: one key for the whole flow.
  std::uint32_t limit = 1;
  OnConflict onConflict = OnConflict::kQueue;
  std::uint32_t maxQueued = 100;
};

}  // namespace belay::flow
