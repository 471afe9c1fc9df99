#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace belay::script {

/// The memory of one interpreter: bounded per call, fast for small blocks, and given back whole.
///
/// Dropping the heap frees all that was taken from it, so an interpreter that ran out of memory in
/// the middle of something is abandoned, not taken apart.
///
/// Threads: owner.
/// Errors:  allocate() and resize() give the null pointer past the bound; wasRefused() remembers
/// it.
class Heap {
 public:
  Heap() = default;
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  /// From now on at most `bytes` more than are in use now.
  void allow(std::size_t bytes) {
    limit_ = used_ + bytes;
    refused_ = false;
  }
  /// From now on at least `bytes` more than are in use now; wasRefused() stays as it is.
  void extend(std::size_t bytes) {
    if (limit_ < used_ + bytes) limit_ = used_ + bytes;
  }
  bool wasRefused() const { return refused_; }

  /// Bytes in blocks that are in use.
  std::size_t used() const { return used_; }
  /// Bytes taken from the system; blocks that were freed are kept for reuse.
  std::size_t reserved() const { return reserved_; }

  /// Aligned to 8 bytes.
  void* allocate(std::size_t size);
  void release(void* block) noexcept;
  /// As realloc: keeps the content, moves the block if need be; on failure the block stays.
  void* resize(void* block, std::size_t size);
  static std::size_t usableSize(const void* block);

 private:
  // In front of every block. For a large block: its place in large_.
  struct Header {
    std::uint32_t bytes;  // of the block with its header, in steps of 16
    std::uint32_t large;  // index + 1 in large_, or 0
  };
  struct FreeBlock {
    FreeBlock* next;
  };
  static constexpr std::size_t kStep = 16;
  static constexpr std::size_t kSmallMax = 1024;
  static constexpr std::size_t kChunk = 32u << 10;

  static Header* headerOf(void* block);
  bool fits(std::size_t size) const;
  void* small(std::size_t bytes);
  void* large(std::size_t bytes);

  std::size_t used_ = 0;
  std::size_t reserved_ = 0;
  std::size_t limit_ = SIZE_MAX;
  bool refused_ = false;
  std::byte* fresh_ = nullptr;  // the rest of the newest chunk
  std::size_t freshLeft_ = 0;
  std::array<FreeBlock*, kSmallMax / kStep + 1> free_{};
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::vector<std::unique_ptr<std::byte[]>> large_;
  std::vector<std::uint32_t> largeFree_;
};

}  // namespace belay::script
