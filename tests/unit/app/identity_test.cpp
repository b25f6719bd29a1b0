#include "app/identity.h"

#include <gtest/gtest.h>

namespace muster::app {
namespace {

std::string all(const std::string& name, const std::string& host, const std::string& canonical) {
  auto id = identify(name, host, canonical);
  return id ? id->alive + " " + id->short_host + " " + id->long_host : id.error().message;
}

TEST(Identity, TakesBothHostPartsFromTheMachine) {
  EXPECT_EQ(all("muster", "db1", "db1.example.org"), "muster db1 db1.example.org");
  EXPECT_EQ(all("muster", "db1.example.org", ""), "muster db1 db1.example.org");
  EXPECT_EQ(all("muster", "db1", "db1"), "muster db1 127.0.0.1");
}

TEST(Identity, TakesTheHostPartThatIsGiven) {
  EXPECT_EQ(all("m@web.example.org", "db1", ""), "m web web.example.org");
  EXPECT_EQ(all("m@web", "db1", "db1.example.org"), "m web db1.example.org");
  EXPECT_EQ(all("m@10.0.0.7", "db1", "db1"), "m db1 10.0.0.7");
  EXPECT_EQ(all("m@::1", "db1", "db1"), "m db1 ::1");
}

TEST(Identity, RefusesWhatNoNodeIsCalled) {
  for (auto* name : {"", "@host", "mus ter", "muster@", "muster@ho st", "müster"})
    EXPECT_FALSE(identify(name, "db1", "")) << name;
}

}  // namespace
}  // namespace muster::app
