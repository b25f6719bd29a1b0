// The metric store of a real daemon on a disk that is full, and on one that has damaged it.
#include <gtest/gtest.h>

#include <fstream>

#include "daemon.h"
#include "epmd.h"
#include "erl.h"
#include "ports.h"

namespace muster::test {
namespace {

using std::chrono::seconds;

/// A small file system of its own on a folder, as long as this lives; needs root.
class SmallDisk {
 public:
  explicit SmallDisk(std::filesystem::path folder) : folder_(std::move(folder)) {
    try {
      run({"mount", "-t", "tmpfs", "-o", "size=4m", "none", folder_});
      is_mounted = true;
    } catch (const std::exception&) {
    }
  }
  ~SmallDisk() {
    if (is_mounted) run({"umount", "-l", folder_});
  }
  void fill() const {
    std::ofstream out(folder_ / "filler", std::ios::binary);
    const std::string block(4096, 'x');
    while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void make_room() const { std::filesystem::remove(folder_ / "filler"); }
  bool is_mounted = false;

 private:
  std::filesystem::path folder_;
};

class MetricsDisk : public testing::Test {
 protected:
  static DaemonOptions each_second() {
    DaemonOptions options;
    options.config = "[agents]\ninterval = 1\n";
    return options;
  }
  std::size_t points() {
    auto reply = daemon_.rest("GET", "/api/metrics/query?node=a@127.0.0.1&metrics=memory.total");
    if (reply.status != 200) return 0;
    auto& items = reply.json.at("items").as_array();
    return items.empty() ? 0 : items[0].at("points").as_array().size();
  }
  void wait_for_points(std::size_t more) {
    const auto wanted = points() + more;
    EXPECT_TRUE(eventually([&] { return points() >= wanted; }, seconds(30))) << wanted;
  }
  bool has_said(const std::string& text) { return daemon_.log().find(text) != std::string::npos; }
  void add_node() {
    auto added = daemon_.rest("POST", "/api/actions/add-node", {{"name", "a@127.0.0.1"}});
    ASSERT_EQ(added.status, 201) << added.text;
  }

  Epmd epmd_;
  Daemon daemon_{epmd_, each_second()};
  ErlNode erl_{epmd_, ErlOptions()};
};

TEST_F(MetricsDisk, OnAFullDiskItGoesOnFromMemoryAndStoresAgainWhenThereIsRoom) {
  ASSERT_TRUE(daemon_.stop());
  SmallDisk disk(daemon_.data_dir() / "metrics");
  if (!disk.is_mounted) GTEST_SKIP() << "no file system can be mounted here";
  daemon_.start();
  add_node();
  wait_for_points(3);
  disk.fill();
  EXPECT_TRUE(eventually([&] { return has_said("metrics are in memory only"); }, seconds(30)));
  wait_for_points(5);
  disk.make_room();
  wait_for_points(5);
  const auto before = points();
  daemon_.restart();  // what came while the disk was full may go with it
  EXPECT_GE(points() + 12, before);
  EXPECT_GT(points(), 3u);
  wait_for_points(3);
  EXPECT_TRUE(daemon_.stop());
}

TEST_F(MetricsDisk, DamagedPagesArePutAsideAndTheDaemonStarts) {
  add_node();
  wait_for_points(3);
  ASSERT_TRUE(daemon_.stop());
  const auto file = daemon_.data_dir() / "metrics" / "metrics.db";
  const auto size = std::filesystem::file_size(file);
  constexpr std::uintmax_t page = 32768;
  ASSERT_GT(size, 2 * page);
  {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(page);  // all but the first
    out << std::string(size - page, '\xA5');
  }
  daemon_.start();
  EXPECT_TRUE(has_said("it is put aside as metrics.db.damaged"));
  EXPECT_TRUE(std::filesystem::exists(file.string() + ".damaged"));
  wait_for_points(3);
  daemon_.restart();
  EXPECT_GE(points(), 2u);
}

}  // namespace
}  // namespace muster::test
