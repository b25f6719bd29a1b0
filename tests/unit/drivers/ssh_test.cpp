// SSH's decisions and texts, without a connection.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "drivers/ssh/agent.h"
#include "drivers/ssh/greeting.h"
#include "drivers/ssh/host_keys.h"
#include "drivers/ssh/keys.h"
#include "drivers/ssh/wire.h"

namespace muster::drivers::ssh {
namespace {

using Verdict = HostKeyTable::Verdict;

HostKey key(const std::string& type, const std::string& rest) {
  HostKey made{type, {}};
  put_string(made.bytes, type);
  made.bytes += rest;
  return made;
}

TEST(HostKeyTable, TakesTheFirstKeyAndKnowsItFromThenOn) {
  HostKeyTable table;
  const auto first = key("ssh-ed25519", "one");
  EXPECT_EQ(table.judge("10.0.0.7", 22, first), Verdict::first);
  const auto line = table.add("10.0.0.7", 22, first);
  EXPECT_TRUE(line.starts_with("[10.0.0.7]:22 ssh-ed25519 "));
  auto read = HostKeyTable::parse(line);
  EXPECT_EQ(read.judge("10.0.0.7", 22, first), Verdict::known);
  EXPECT_EQ(read.type_of("10.0.0.7", 22), "ssh-ed25519");
}

TEST(HostKeyTable, RefusesAnotherKeyOrAnotherType) {
  HostKeyTable table;
  table.add("h", 22, key("ssh-ed25519", "one"));
  EXPECT_EQ(table.judge("h", 22, key("ssh-ed25519", "two")), Verdict::changed);
  EXPECT_EQ(table.judge("h", 22, key("ecdsa-sha2-nistp256", "one")), Verdict::changed);
}

TEST(KnownHosts, SeesWhatTheUserChangesInTheFile) {
  const auto file = std::filesystem::temp_directory_path() / ("muster-known-" + random_hex(8));
  KnownHosts known(file, false);
  EXPECT_TRUE(known.check("h", 22, key("ssh-ed25519", "one")));
  EXPECT_TRUE(known.check("other", 22, key("ssh-ed25519", "one")));
  EXPECT_EQ(known.type_of("h", 22), "ssh-ed25519");
  EXPECT_TRUE(known.check("h", 22, key("ssh-ed25519", "one")));
  EXPECT_FALSE(known.check("h", 22, key("ssh-ed25519", "two")));
  std::ofstream(file) << "";
  EXPECT_TRUE(known.check("h", 22, key("ssh-ed25519", "two")));
  EXPECT_FALSE(known.check("h", 22, key("ssh-ed25519", "one")));
  std::filesystem::remove(file);
}

TEST(HostKeyTable, TellsPortsApart) {
  HostKeyTable table;
  table.add("h", 22, key("ssh-ed25519", "one"));
  EXPECT_EQ(table.judge("h", 2222, key("ssh-ed25519", "two")), Verdict::first);
  table.add("::1", 22, key("ssh-ed25519", "six"));
  EXPECT_EQ(table.judge("::1", 22, key("ssh-ed25519", "six")), Verdict::known);
}

TEST(HostKeyTable, SkipsLinesThatAreNone) {
  HostKeyTable table;
  const auto line = table.add("h", 22, key("ssh-ed25519", "one"));
  auto read = HostKeyTable::parse(
      "# comment\n\n[h]:22 ssh-ed25519\n[h]:22 ssh-ed25519 !!!\n[h]:22 x AAAA\n" + line +
      "[i]:22 ssh-rsa " + to_base64(key("ssh-ed25519", "x").bytes));
  EXPECT_EQ(read.judge("h", 22, key("ssh-ed25519", "one")), Verdict::known);
  EXPECT_EQ(read.judge("i", 22, key("ssh-ed25519", "x")), Verdict::first);
}

TEST(Keys, AreMadeDifferentAndWellFormed) {
  auto one = make_ed25519("muster"), two = make_ed25519("muster");
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->public_line, two->public_line);
  EXPECT_TRUE(one->public_line.starts_with("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"));
  EXPECT_TRUE(one->public_line.ends_with(" muster"));
  EXPECT_TRUE(one->private_file.reveal().starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
}

TEST(Keys, FingerprintsAreThoseOfOpenSsh) {
  // echo -n "" | openssl dgst -sha256 -binary | base64
  EXPECT_EQ(fingerprint(""), "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
}

TEST(Wire, NeverReadsBehindTheEnd) {
  std::string bytes;
  put_string(bytes, "abc");
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(WireReader(std::string_view(bytes).substr(0, cut)).string()) << cut;
  EXPECT_EQ(WireReader(bytes).string(), "abc");
  EXPECT_FALSE(WireReader(std::string("\xff\xff\xff\xff", 4)).string());
}

TEST(Wire, Base64GoesBothWays) {
  for (const std::string text : {"a", "ab", "abc", "abcd"})
    EXPECT_EQ(from_base64(to_base64(text)), text);
  EXPECT_FALSE(from_base64(""));
  EXPECT_FALSE(from_base64("abc"));
  EXPECT_FALSE(from_base64("a!bc"));
}

TEST(Agent, ListsTheKeysOfItsAnswer) {
  std::string answer("\x0c", 1);
  put_u32(answer, 2);
  for (const char* text : {"key one", "comment", "key two", ""}) put_string(answer, text);
  auto keys = parse_identities(answer);
  ASSERT_TRUE(keys);
  EXPECT_EQ(*keys, (std::vector<std::string>{"key one", "key two"}));
  for (std::size_t cut = 0; cut < answer.size(); ++cut)
    EXPECT_FALSE(parse_identities(answer.substr(0, cut)));
}

TEST(Agent, ThatRefusesOrLiesIsAnError) {
  EXPECT_FALSE(parse_identities("\x05"));
  std::string many("\x0c", 1);
  put_u32(many, 0xffffffff);
  EXPECT_FALSE(parse_identities(many));
  EXPECT_FALSE(parse_signature("\x05"));
  EXPECT_FALSE(parse_signature("\x0e"));
  std::string good("\x0e", 1);
  put_string(good, "signature");
  EXPECT_EQ(*parse_signature(good), "signature");
}

/// Where in what the host says its version begins.
std::size_t version_at(std::string_view said) {
  Greeting greeting;
  for (std::size_t i = 0; i < said.size(); ++i)
    if (greeting.feed(said[i])) return i + 1 - Greeting::beginning.size();
  return said.npos;
}

TEST(Greeting, FindsTheVersionBehindOtherLines) {
  EXPECT_EQ(version_at("SSH-2.0-x\r\n"), 0u);
  EXPECT_EQ(version_at("welcome\r\nto SSH-2.0\r\nSSH-2.0-x\r\n"), 21u);
  EXPECT_EQ(version_at("SS\nSSHSSH-\nSSH-2"), 11u);
  EXPECT_EQ(version_at("\n\nSSH-"), 2u);
  EXPECT_EQ(version_at(std::string(10'000, 'x')), std::string_view::npos);
}

}  // namespace
}  // namespace muster::drivers::ssh
