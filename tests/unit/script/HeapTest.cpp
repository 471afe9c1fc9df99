// Takes, moves and frees blocks in random order beside a model that knows what each must hold. The
// bound is tried at its edge.

#include <cstring>
#include <random>
#include <vector>

#include "agent/script/Heap.h"

#include <CppUTest/TestHarness.h>

using belay::script::Heap;

namespace {

struct Block {
  unsigned char* data;
  std::size_t size;
  unsigned char fill;
};

bool isIntact(const Block& block, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    if (block.data[i] != block.fill) return false;
  }
  return true;
}

}  // namespace

TEST_GROUP(Heap) { Heap heap; };

TEST(Heap, keepsEveryBlockApart) {
  std::mt19937 random(7);
  std::vector<Block> blocks;
  for (int round = 0; round < 20000; ++round) {
    const std::size_t size = 1 + (random() % 8 == 0 ? random() % 5000 : random() % 200);
    const auto fill = static_cast<unsigned char>(random());
    const unsigned action = random() % 4;
    if (action <= 1 || blocks.empty()) {
      auto* data = static_cast<unsigned char*>(heap.allocate(size));
      CHECK_TRUE(data != nullptr && reinterpret_cast<std::uintptr_t>(data) % 8 == 0);
      CHECK_TRUE(Heap::usableSize(data) >= size);
      std::memset(data, fill, size);
      blocks.push_back({data, size, fill});
      continue;
    }
    const std::size_t index = random() % blocks.size();
    Block& block = blocks[index];
    CHECK_TRUE(isIntact(block, block.size));
    if (action == 2) {
      heap.release(block.data);
      block = blocks.back();
      blocks.pop_back();
    } else {
      block.data = static_cast<unsigned char*>(heap.resize(block.data, size));
      CHECK_TRUE(isIntact(block, std::min(block.size, size)));
      block.size = size;
      std::memset(block.data, block.fill, size);
    }
  }
  for (const Block& block : blocks) heap.release(block.data);
  LONGS_EQUAL(0, heap.used());
}

TEST(Heap, refusesWhatIsOverItsBound) {
  void* first = heap.allocate(1000);
  heap.allow(10000);
  CHECK_FALSE(heap.wasRefused());
  void* second = heap.allocate(9000);
  CHECK_TRUE(second != nullptr);
  CHECK_TRUE(heap.allocate(2000) == nullptr);
  CHECK_TRUE(heap.wasRefused());
  CHECK_TRUE(heap.allocate(500) != nullptr);
  heap.release(second);
  CHECK_TRUE(heap.allocate(2000) != nullptr);
  CHECK_TRUE(heap.allocate(SIZE_MAX) == nullptr);
  CHECK_TRUE(heap.allocate(SIZE_MAX / 2) == nullptr);
  heap.allow(10000);
  CHECK_FALSE(heap.wasRefused());
  CHECK_TRUE(heap.allocate(9000) != nullptr);
  heap.release(first);
}

TEST(Heap, keepsABlockThatCannotGrow) {
  heap.allow(4000);
  auto* block = static_cast<char*>(heap.allocate(3000));
  std::memset(block, 'a', 3000);
  CHECK_TRUE(heap.resize(block, 100000) == nullptr);
  LONGS_EQUAL('a', block[2999]);
  CHECK_TRUE(heap.resize(block, 10) != nullptr);
}

TEST(Heap, behavesAsReallocAtItsEdges) {
  void* block = heap.resize(nullptr, 10);
  CHECK_TRUE(block != nullptr);
  CHECK_TRUE(heap.resize(block, 0) == nullptr);
  LONGS_EQUAL(0, heap.used());
  CHECK_TRUE(heap.resize(nullptr, 0) == nullptr);
  heap.release(nullptr);
  LONGS_EQUAL(0, Heap::usableSize(nullptr));
}

TEST(Heap, givesLargeBlocksBackAndReusesSmallOnes) {
  const std::size_t before = heap.reserved();
  void* large = heap.allocate(1u << 20);
  CHECK_TRUE(heap.reserved() >= before + (1u << 20));
  heap.release(large);
  LONGS_EQUAL(before, heap.reserved());
  void* small = heap.allocate(100);
  heap.release(small);
  POINTERS_EQUAL(small, heap.allocate(97));
}

TEST(Heap, extendsOnlyUpwards) {
  heap.allow(1000);
  CHECK_TRUE(heap.allocate(2000) == nullptr);
  heap.extend(4000);
  CHECK_TRUE(heap.wasRefused());
  CHECK_TRUE(heap.allocate(2000) != nullptr);
  heap.extend(1);
  CHECK_TRUE(heap.allocate(1000) != nullptr);
}
