#include "agent/script/Heap.h"

#include <cstring>
#include <new>

namespace belay::script {

Heap::Header* Heap::headerOf(void* block) {
  return std::launder(reinterpret_cast<Header*>(static_cast<std::byte*>(block) - sizeof(Header)));
}

std::size_t Heap::usableSize(const void* block) {
  if (block == nullptr) return 0;
  const auto* bytes = static_cast<const std::byte*>(block) - sizeof(Header);
  return std::size_t{std::launder(reinterpret_cast<const Header*>(bytes))->bytes} - sizeof(Header);
}

bool Heap::fits(std::size_t size) const {
  // The size of a block is kept in 32 bits; no bound is near that.
  return size <= UINT32_MAX / 2 && size <= limit_ && used_ + size + sizeof(Header) <= limit_;
}

void* Heap::allocate(std::size_t size) {
  if (!fits(size)) {
    refused_ = true;
    return nullptr;
  }
  const std::size_t bytes = (size + sizeof(Header) + kStep - 1) / kStep * kStep;
  void* block = bytes <= kSmallMax ? small(bytes) : large(bytes);
  used_ += bytes;
  return block;
}

void* Heap::small(std::size_t bytes) {
  FreeBlock*& head = free_[bytes / kStep];
  if (head != nullptr) {
    FreeBlock* block = head;
    head = block->next;
    return block;
  }
  if (freshLeft_ < bytes) {
    // The rest is lost for good: less than a kilobyte in 32.
    chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kChunk));
    reserved_ += kChunk;
    // Headers stand 8 bytes before a multiple of 16.
    fresh_ = chunks_.back().get() + sizeof(Header);
    freshLeft_ = kChunk - 2 * sizeof(Header);
  }
  std::byte* header = fresh_;
  fresh_ += bytes;
  freshLeft_ -= bytes;
  ::new (header) Header{static_cast<std::uint32_t>(bytes), 0};
  return header + sizeof(Header);
}

void* Heap::large(std::size_t bytes) {
  std::uint32_t index = 0;
  if (largeFree_.empty()) {
    index = static_cast<std::uint32_t>(large_.size());
    large_.emplace_back();
  } else {
    index = largeFree_.back();
    largeFree_.pop_back();
  }
  large_[index] = std::make_unique_for_overwrite<std::byte[]>(bytes);
  reserved_ += bytes;
  std::byte* header = large_[index].get();
  ::new (header) Header{static_cast<std::uint32_t>(bytes), index + 1};
  return header + sizeof(Header);
}

void Heap::release(void* block) noexcept {
  if (block == nullptr) return;
  const Header header = *headerOf(block);
  used_ -= header.bytes;
  if (header.large == 0) {
    FreeBlock*& head = free_[header.bytes / kStep];
    head = ::new (block) FreeBlock{head};
    return;
  }
  reserved_ -= header.bytes;
  large_[header.large - 1].reset();
  largeFree_.push_back(header.large - 1);
}

void* Heap::resize(void* block, std::size_t size) {
  if (block == nullptr) return size == 0 ? nullptr : allocate(size);
  if (size == 0) {
    release(block);
    return nullptr;
  }
  const std::size_t old = usableSize(block);
  // A block that shrinks much gives back what it does not need; to shrink never fails.
  if (size <= old && (size > old / 2 || old < kSmallMax || !fits(size))) return block;
  void* moved = allocate(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, block, size < old ? size : old);
  release(block);
  return moved;
}

}  // namespace belay::script
