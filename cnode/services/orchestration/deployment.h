#pragma once

#include <boost/describe/enum.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/secret.h"

namespace muster::orchestration {

/// What is wanted of a deployed node.
enum class Goal { stopped, running, restarted, gone };
BOOST_DESCRIBE_ENUM(Goal, stopped, running, restarted, gone)

/// How far a node has come; each includes the ones before it.
enum class Reached { placed, uploaded, unpacked, started, answered, bootstrapped, handed_over };
BOOST_DESCRIBE_ENUM(Reached, placed, uploaded, unpacked, started, answered, bootstrapped,
                    handed_over)

/// What can be done to a node. The first six lead from one Reached to the next.
enum class Step { upload, unpack, start, answer, bootstrap, hand_over, stop, remove };
BOOST_DESCRIBE_ENUM(Step, upload, unpack, start, answer, bootstrap, hand_over, stop, remove)

enum class StepStatus { running, done, failed };
BOOST_DESCRIBE_ENUM(StepStatus, running, done, failed)

/// Why a step failed for good, for the one who has to do something about it.
struct Failure {
  std::string message;  ///< what did not work
  std::string output;   ///< the end of what the command printed
  std::string remedy;   ///< what to do, before `retry`
};

/// A node that is deployed here: its row, as it stands in the database and in memory.
struct Deployment {
  std::string id, name;  ///< UUID, "<UUID>@<node_host>"
  std::string family_id, release_id, provider_id, domain_id;
  std::string sha256;  ///< of the archive it is made from; the next two too
  std::uint64_t size = 0;
  std::uint32_t strip_components = 0;
  std::string machine;  ///< drivers::Machine::id
  std::string node_host, user;
  Secret cookie;

  Goal goal = Goal::stopped;
  Reached reached = Reached::placed;
  bool may_run = false;     ///< a start was begun since it was last known to be stopped
  bool has_joined = false;  ///< it was bootstrapped once

  std::optional<Step> step;  ///< the last one that was begun
  StepStatus status = StepStatus::done;
  Failure failure;  ///< of status failed

  Timestamp created_at, changed_at;
};

}  // namespace muster::orchestration
