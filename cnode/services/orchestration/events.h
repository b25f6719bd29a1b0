#pragma once

#include <boost/describe.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ops/events.h"
#include "services/orchestration/deployment.h"

namespace muster::orchestration {

/// Event orchestration.step: a step of a node began, was done or failed.
struct StepEvent {
  std::string id;
  ops::NodeName name;
  std::string family_id;
  Step step;
  StepStatus status;
  std::optional<std::string> message, output, remedy;  ///< of status failed
};
BOOST_DESCRIBE_STRUCT(StepEvent, (), (id, name, family_id, step, status, message, output, remedy))

/// Event orchestration.upload: a release on its way to a host.
struct UploadEvent {
  std::string provider_id, host, sha256;
  std::uint64_t done, total;
};
BOOST_DESCRIBE_STRUCT(UploadEvent, (), (provider_id, host, sha256, done, total))

inline std::vector<ops::Topic> deployment_topics() {
  return {ops::topic<StepEvent>("orchestration.step",
                                "A step of a deployed node began, was done or failed"),
          ops::topic<UploadEvent>("orchestration.upload", "A release is on its way to a host")};
}

}  // namespace muster::orchestration
