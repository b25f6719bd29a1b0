#pragma once

#include <boost/describe.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dist/node.h"
#include "ops/operation.h"
#include "store/database.h"

namespace muster::app {

/// What muster.health answers while all is well. Whoever shows no token sees the status only.
struct Health {
  std::string status;  ///< "ok"
  std::optional<std::string> version;
  std::optional<Timestamp> started;
  std::optional<std::string> disk, database, epmd;  ///< in words
};
BOOST_DESCRIBE_STRUCT(Health, (), (status, version, started, disk, database, epmd))

struct Ready {
  std::string status;  ///< "ok"
};
BOOST_DESCRIBE_STRUCT(Ready, (), (status))

/// Disk, database and epmd as they are when somebody asks: muster.health. And whether what is asked
/// now would be answered: muster.ready. Both are `unavailable` (503) where it is not so, with what
/// is wrong for those who show a token. Made by app; lives on the loop.
class SelfCheck {
 public:
  SelfCheck(std::filesystem::path data_dir, store::Database& database, const dist::Node& node,
            const Clock& clock);
  std::vector<ops::Operation> operations();

 private:
  Task<Health> health(ops::Caller caller);
  Task<Ready> ready(ops::Caller caller);
  /// After a commit failed: a write that changes nothing, at most every few seconds until one is
  /// taken. So a disk that has room again is seen without waiting for somebody to write.
  Task<> check_database();

  const std::filesystem::path data_dir_;
  store::Database& database_;
  const dist::Node& node_;
  const Clock& clock_;
  const Timestamp started_;
  std::uint64_t forgiven_ = 0;  ///< failures of commits that a good one came after
  std::optional<std::chrono::steady_clock::time_point> tried_;
};

/// What is said of a disk with so many bytes left for this user; an Error where that is too little.
Result<std::string> judge_disk(std::uint64_t free_bytes);

}  // namespace muster::app
