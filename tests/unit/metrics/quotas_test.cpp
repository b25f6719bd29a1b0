#include "services/metrics/quotas.h"

#include <gtest/gtest.h>

namespace muster::metrics {
namespace {

using namespace std::chrono_literals;

// A node that was over in every other message raised and cleared its alarm several times a second.
TEST(Quotas, ANodeIsNotOverItNoMoreFromOneMessageToTheNext) {
  Dictionary dictionary;
  for (std::size_t i = 0; dictionary.made_by(1) < dictionary.quota(); ++i)
    dictionary.series({"m", "l=\"" + std::to_string(i) + "\"", "gauge", ""},
                      Dictionary::From::labels, 1);
  Quotas quotas;
  std::vector<bool> told;
  quotas.on_change([&](auto&, bool is_over, auto) { told.push_back(is_over); });
  auto note = [&](std::size_t refused, Quotas::Time now) {
    Reading reading;
    reading.node = 1;
    reading.refused = refused;
    quotas.note(quotas.of("a@h"), {}, reading, dictionary, now);
    return told;
  };
  EXPECT_EQ(note(0, Quotas::Time(1s)), std::vector{false}) << "what was raised before a restart";
  EXPECT_EQ(note(1, Quotas::Time(2s)), (std::vector{false, true}));
  for (int i = 3; i < 20; ++i) note(i % 2 ? 0 : 1, Quotas::Time(i * 1s));
  EXPECT_EQ(note(0, Quotas::Time(40s)), (std::vector{false, true}));
  EXPECT_EQ(note(0, Quotas::Time(50s)), (std::vector{false, true, false}));
}

}  // namespace
}  // namespace muster::metrics
