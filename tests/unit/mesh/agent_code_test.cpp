#include "mesh/agent_code.h"

#include <gtest/gtest.h>

#include <string>

namespace muster::mesh {
namespace {

TEST(AgentCode, EveryAgentHasOneBeamForEachReleaseFrom22To29) {
  ASSERT_FALSE(agent_names().empty());
  for (auto agent : agent_names()) {
    for (int release = 22; release <= 29; ++release) {
      auto* code = agent_code(agent, std::to_string(release));
      ASSERT_TRUE(code) << agent << " " << release;
      EXPECT_EQ(code->beam.substr(0, 4), "FOR1");
      EXPECT_EQ(code->module.find("muster_agent_" + std::string(agent) + "_"), 0U);
    }
  }
}

TEST(AgentCode, OlderReleasesAndNonsenseGetNone) {
  for (auto* release : {"21", "20", "", "R16B03", "-1"})
    EXPECT_FALSE(agent_code("metrics", release)) << release;
  EXPECT_FALSE(agent_code("nobody", "27"));
}

TEST(AgentCode, KnowsTheVersionOfItsApplication) {
  EXPECT_NE(agents_version().find('.'), std::string_view::npos);
}

}  // namespace
}  // namespace muster::mesh
