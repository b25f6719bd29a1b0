#include "dist/proof.h"

#include <gtest/gtest.h>

namespace muster::dist {
namespace {

NodeConfig config(std::optional<std::string> home = std::nullopt, Role home_role = Role::none) {
  NodeConfig config;
  config.cookie = Secret("ours");
  if (home) config.home_cookie = Secret(*home);
  config.home_role = home_role;
  return config;
}

PeerSettings settings(std::optional<std::string> cookie = std::nullopt, Role role = Role::none) {
  PeerSettings settings;
  if (cookie) settings.cookie = Secret(*cookie);
  settings.role = role;
  return settings;
}

TEST(Proof, OfAStrangerIsTheDaemonsOwnCookieAndNoOther) {
  auto proof = proof_for(config("home"), std::nullopt);
  EXPECT_EQ(proof.of, Proof::Of::own);
  EXPECT_EQ(proof.cookie.reveal(), "ours");
}

TEST(Proof, OfANodeIsItsOwnCookieElseTheHomeCookieElseTheDaemons) {
  EXPECT_EQ(proof_for(config("home"), settings("its")).cookie.reveal(), "its");
  EXPECT_EQ(proof_for(config("home"), settings("its")).of, Proof::Of::peer);
  EXPECT_EQ(proof_for(config("home"), settings()).cookie.reveal(), "home");
  EXPECT_EQ(proof_for(config("home"), settings()).of, Proof::Of::home);
  EXPECT_EQ(proof_for(config(), settings()).of, Proof::Of::own);
}

TEST(Proof, ThatIsTheDaemonsOwnCookieIsThatWhereverItStands) {
  EXPECT_EQ(proof_for(config("ours"), settings()).of, Proof::Of::own);
  EXPECT_EQ(proof_for(config("home"), settings("ours")).of, Proof::Of::own);
}

TEST(Roles, FollowTheCookie) {
  EXPECT_EQ(role_for(config(), settings()), Role::admin);
  EXPECT_EQ(role_for(config(), settings("ours", Role::viewer)), Role::admin);
  EXPECT_EQ(role_for(config(), settings("its")), Role::none);
  EXPECT_EQ(role_for(config(), settings("its", Role::operator_)), Role::operator_);
  EXPECT_EQ(role_for(config("home"), settings()), Role::none);
  EXPECT_EQ(role_for(config("home", Role::viewer), settings()), Role::viewer);
  EXPECT_EQ(role_for(config("home", Role::admin), settings("its")), Role::none);
}

}  // namespace
}  // namespace muster::dist
