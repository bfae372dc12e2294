#include "shared/net/buffer_chain.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace apisix::net {
namespace {

std::string front_of(const BufferChain& chain) {
  std::vector<iovec> pieces(64);
  pieces.resize(chain.front(pieces));
  std::string out;
  for (const iovec& piece : pieces) out.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  return out;
}

TEST(BufferChain, IsAFifoAcrossChunkBorders) {
  std::mt19937 random(3);
  BufferChain chain;
  std::string model;
  for (int round = 0; round < 500; ++round) {
    const std::string bytes(random() % 50'000, static_cast<char>('a' + random() % 26));
    chain.append(bytes);
    model += bytes;
    const std::size_t eat = random() % (model.size() + 1);
    ASSERT_EQ(chain.bytes(), model.size());
    ASSERT_TRUE(model.starts_with(front_of(chain)) || front_of(chain).starts_with(model));
    chain.consume(eat);
    model.erase(0, eat);
  }
  chain.consume(chain.bytes());
  EXPECT_TRUE(chain.empty());
}

TEST(BufferChain, PrependsInFrontOfWhatIsThere) {
  BufferChain chain;
  chain.prepend("");
  EXPECT_TRUE(chain.empty());
  chain.prepend("c");
  chain.append("d");
  const std::string long_one(2 * BufferChain::kChunkBytes, 'b');
  chain.prepend(long_one);
  chain.prepend("a");
  chain.append("e");
  EXPECT_EQ(front_of(chain), "a" + long_one + "cde");
  EXPECT_EQ(chain.bytes(), long_one.size() + 4);
  chain.consume(chain.bytes());
  EXPECT_TRUE(chain.empty());
}

TEST(BufferChain, AppendsWhatAShortWriteLeftOver) {
  const std::string a = "HEAD", b = "body";
  const iovec pieces[] = {{const_cast<char*>(a.data()), 4}, {const_cast<char*>(b.data()), 4}};
  for (std::size_t sent = 0; sent <= 8; ++sent) {
    BufferChain chain;
    chain.append_rest(pieces, sent);
    EXPECT_EQ(front_of(chain), (a + b).substr(sent));
  }
}

TEST(BufferChain, PutsBytesInFrontOfWhatIsThere) {
  std::mt19937 random(5);
  BufferChain chain;
  std::string model;
  for (int round = 0; round < 300; ++round) {
    const std::string bytes(random() % 40'000, static_cast<char>('a' + random() % 26));
    if (random() % 2 == 0) {
      chain.prepend(bytes);
      model.insert(0, bytes);
    } else {
      chain.append(bytes);
      model += bytes;
    }
    ASSERT_EQ(chain.bytes(), model.size());
    ASSERT_EQ(chain.empty(), model.empty());
    ASSERT_TRUE(model.starts_with(front_of(chain)) || front_of(chain).starts_with(model));
    const std::size_t eat = random() % (model.size() + 1);
    chain.consume(eat);
    model.erase(0, eat);
  }
  chain.clear();
  EXPECT_TRUE(chain.empty());
  chain.prepend("");
  EXPECT_TRUE(chain.empty());
}

TEST(BufferChain, MovesWithItsBytes) {
  BufferChain from;
  from.append(std::string(3 * BufferChain::kChunkBytes, 'x'));
  const BufferChain to(std::move(from));
  EXPECT_EQ(to.bytes(), 3 * BufferChain::kChunkBytes);
}

// Every idle connection has one.
static_assert(sizeof(BufferChain) == sizeof(void*));

}  // namespace
}  // namespace apisix::net
