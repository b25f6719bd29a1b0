#include "services/orchestration/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/sha256.h"
#include "services/orchestration/archive_files.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::orchestration {
namespace {

struct Entry {
  std::string name;
  unsigned type = AE_IFREG;
  std::string text = "text";  // or the target of a link
  bool is_hard_link = false;
};

/// A tar.gz in a file of its own.
class Packed {
 public:
  explicit Packed(const std::vector<Entry>& entries, bool with_gzip = true) {
    auto* out = archive_write_new();
    archive_write_set_format_pax_restricted(out);
    if (with_gzip) archive_write_add_filter_gzip(out);
    archive_write_open_filename(out, path_.c_str());
    for (const auto& item : entries) {
      auto* entry = archive_entry_new();
      archive_entry_set_pathname(entry, item.name.c_str());
      archive_entry_set_filetype(entry, item.type);
      archive_entry_set_perm(entry, 0644);
      if (item.type == AE_IFLNK) archive_entry_set_symlink(entry, item.text.c_str());
      if (item.is_hard_link) archive_entry_set_hardlink(entry, item.text.c_str());
      const bool has_data = item.type == AE_IFREG && !item.is_hard_link;
      archive_entry_set_size(entry, has_data ? static_cast<la_int64_t>(item.text.size()) : 0);
      archive_write_header(out, entry);
      if (has_data) archive_write_data(out, item.text.data(), item.text.size());
      archive_entry_free(entry);
    }
    archive_write_close(out);
    archive_write_free(out);
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path / "release.tar.gz";
};

Result<Archive> check(const std::vector<Entry>& entries,
                      const std::vector<std::string>& wanted = {},
                      const ArchiveLimits& limits = {}) {
  return check_archive(Packed(entries).path(), wanted, limits);
}

void expect_refused(const std::vector<Entry>& entries, const std::string& word) {
  auto result = check(entries);
  ASSERT_FALSE(result) << word;
  EXPECT_EQ(result.error().errc(), Errc::bad_request);
  EXPECT_NE(result.error().message.find(word), std::string::npos) << result.error().message;
}

TEST(Archive, IsTakenWithFilesAtTheRoot) {
  auto found = check({{"bin/riak"}, {"etc/vm.args"}, {"lib/a/ebin/a.beam"}, {"releases/1/x"}},
                     {"etc/vm.args", "etc/none"});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->root, "");
  EXPECT_EQ(found->strip_components, 0u);
  EXPECT_EQ(found->missing, std::vector<std::string>{"etc/none"});
  EXPECT_EQ(found->entries, 4u);
  EXPECT_EQ(found->unpacked, 16u);
}

TEST(Archive, FindsTheOneFolderAtTheRoot) {
  auto found = check({{"riak-1.3/", AE_IFDIR}, {"riak-1.3/bin/riak"}, {"riak-1.3/etc/vm.args"}},
                     {"etc/vm.args"});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->root, "riak-1.3");
  EXPECT_EQ(found->strip_components, 1u);
  EXPECT_TRUE(found->missing.empty());
}

TEST(Archive, CountsTheDotOfNamesThatBeginWithIt) {
  auto found = check({{"./", AE_IFDIR}, {"./app/", AE_IFDIR}, {"./app/bin/x"}});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->strip_components, 2u);
  auto flat = check({{"./bin/x"}, {"./lib/y"}});
  ASSERT_TRUE(flat) << flat.error().message;
  EXPECT_EQ(flat->strip_components, 0u);
}

TEST(Archive, GivesTheFilesWhoseNamesBeginWithADot) {
  Packed packed({{"./", AE_IFDIR},
                 {"./riak/", AE_IFDIR},
                 {"./riak/bin/riak"},
                 {"./riak/etc/vm.args", AE_IFREG, "-name x"}});
  auto found = check_archive(packed.path(), {"etc/vm.args"});
  ASSERT_TRUE(found) << found.error().message;
  auto files = read_archive_files(packed.path(), {"./etc/vm.args"}, found->strip_components);
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(files->at("./etc/vm.args"), "-name x");
}

TEST(Archive, GivesTheFilesOfAFolderAndOfTheRoot) {
  Packed folder({{"app/bin/x"}, {"app/./etc/vm.args", AE_IFREG, "1"}});
  EXPECT_EQ(read_archive_files(folder.path(), {"etc/vm.args"}, 1)->at("etc/vm.args"), "1");
  Packed flat({{"./bin/x"}, {"./etc/vm.args", AE_IFREG, "2"}});
  EXPECT_EQ(read_archive_files(flat.path(), {"etc/vm.args"}, 0)->at("etc/vm.args"), "2");
}

TEST(Archive, SaysWhichTemplateItLacks) {
  Packed packed({{"bin/x"}, {"etc/vm.args", AE_IFLNK, "../bin/x"}});
  for (const char* name : {"etc/vm.args", "etc/none"}) {
    auto files = read_archive_files(packed.path(), {"bin/x", name}, 0);
    ASSERT_FALSE(files) << name;
    EXPECT_EQ(files.error().errc(), Errc::bad_request);
    EXPECT_NE(files.error().message.find(name), std::string::npos) << files.error().message;
  }
}

TEST(Archive, WithALinkInPlaceOfATemplateLacksIt) {
  auto found = check({{"bin/x"},
                      {"etc/soft", AE_IFLNK, "../bin/x"},
                      {"etc/hard", AE_IFREG, "bin/x", true},
                      {"etc/file"}},
                     {"etc/soft", "etc/hard", "etc/file"});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->missing, (std::vector<std::string>{"etc/soft", "etc/hard"}));
}

TEST(Archive, TakesALoneBinFolderForTheReleaseItself) {
  auto found = check({{"bin/start"}});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->strip_components, 0u);
}

TEST(Archive, IsHashedAsTheFileThatItIs) {
  Packed packed({{"bin/x"}});
  std::ofstream(packed.path(), std::ios::app | std::ios::binary) << std::string(1000, '\0');
  auto found = check_archive(packed.path());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->sha256, *sha256_of_file(packed.path()));
  EXPECT_EQ(found->size, std::filesystem::file_size(packed.path()));
}

TEST(Archive, WithAPathThatEscapesIsRefused) {
  expect_refused({{"bin/x"}, {"/etc/passwd"}}, "'/etc/passwd' would be unpacked outside");
  expect_refused({{"bin/x"}, {"../x"}}, "outside");
  expect_refused({{"bin/x"}, {"bin/../../x"}}, "outside");
  expect_refused({{"bin/x"}, {"bin/.."}}, "outside");
}

TEST(Archive, WithALinkThatEscapesIsRefused) {
  expect_refused({{"bin/x"}, {"lib/l", AE_IFLNK, "/etc"}}, "leads out");
  expect_refused({{"bin/x"}, {"lib/l", AE_IFLNK, "../../x"}}, "leads out");
  expect_refused({{"bin/x"}, {"lib/l", AE_IFLNK, "m/../../.."}}, "leads out");
  expect_refused({{"bin/x"}, {"lib/l", AE_IFREG, "../../etc/passwd", true}}, "leads out");
  expect_refused({{"bin/x"}, {"lib/l", AE_IFREG, "lib/none", true}}, "no file of the release");
  // Out of the folder that is stripped counts as out.
  expect_refused({{"app/bin/x"}, {"app/l", AE_IFLNK, "../other"}}, "leads out");
}

TEST(Archive, WithSomethingBelowALinkIsRefused) {
  expect_refused({{"bin/x"}, {"lib/l", AE_IFLNK, "../bin"}, {"lib/l/y"}}, "something else too");
  expect_refused({{"bin/x"}, {"lib/l/y"}, {"lib/l", AE_IFLNK, "../bin"}}, "something else too");
  expect_refused({{"bin/x"}, {"lib/l"}, {"lib/l", AE_IFLNK, "../bin"}}, "something else too");
}

TEST(Archive, MayHoldLinksThatStayInside) {
  auto found =
      check({{"bin/x"}, {"lib/l", AE_IFLNK, "../bin/x"}, {"bin/y", AE_IFREG, "bin/x", true}});
  EXPECT_TRUE(found) << found.error().message;
}

TEST(Archive, WithADeviceIsRefused) {
  expect_refused({{"bin/x"}, {"dev/null", AE_IFCHR}}, "neither a file");
  expect_refused({{"bin/x"}, {"pipe", AE_IFIFO}}, "neither a file");
}

TEST(Archive, ThatUnpacksToTooMuchIsRefused) {
  ArchiveLimits limits;
  limits.unpacked = 1 << 20;
  auto result = check({{"bin/zeros", AE_IFREG, std::string(2 << 20, '\0')}}, {}, limits);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().errc(), Errc::too_large);
  limits = {};
  limits.entries = 3;
  result = check({{"bin/1"}, {"bin/2"}, {"bin/3"}, {"bin/4"}}, {}, limits);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().errc(), Errc::too_large);
}

TEST(Archive, WithMoreNamesThanCanBeKeptIsRefused) {
  std::vector<Entry> entries;
  for (int i = 0; i < 20; ++i) {
    std::string path = std::to_string(i);
    while (path.size() < 4000) path += "/d";
    entries.push_back({path});
  }
  ArchiveLimits limits;
  limits.names = 16 << 20;
  auto result = check(entries, {}, limits);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().errc(), Errc::too_large);
  // The same folders again and again are kept once.
  for (int i = 0; i < 20; ++i) entries[i].name = "d/" + entries[0].name + std::to_string(i);
  EXPECT_TRUE(check(entries, {}, limits));
}

TEST(Archive, ThatIsNoneIsRefused) {
  Packed packed({{"bin/x", AE_IFREG, std::string(100'000, 'x')}});
  const auto size = std::filesystem::file_size(packed.path());
  std::filesystem::resize_file(packed.path(), size / 2);
  EXPECT_FALSE(check_archive(packed.path()));
  std::ofstream(packed.path(), std::ios::trunc) << "this is no archive at all";
  EXPECT_FALSE(check_archive(packed.path()));
  std::filesystem::resize_file(packed.path(), 0);
  EXPECT_FALSE(check_archive(packed.path()));
  EXPECT_FALSE(check_archive("/nowhere/at/all"));
  EXPECT_FALSE(check_archive(Packed({{"bin/x"}}, false).path()));
  EXPECT_FALSE(check({}));
}

}  // namespace
}  // namespace muster::orchestration
