// What the agents alarms and metrics say: whatever the term, what is kept of it can be stored and
// read again.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdint>
#include <cstdlib>

#include "etf/decode.h"
#include "services/alarms/family_view.h"
#include "services/alarms/node_text.h"
#include "services/alarms/passed_on.h"
#include "services/alarms/sample_reader.h"
#include "tests/fuzz/same_json.h"

namespace {

using namespace muster;
using namespace muster::alarms;

void keep(const std::optional<ops::json::value>& evidence) {
  if (!evidence) return;
  boost::system::error_code ec;
  auto kept = bounded_evidence(*evidence);
  auto read = ops::json::parse(ops::json::serialize(kept), ec);
  if (ec || !is_same_json(kept, read)) std::abort();
}

bool any_metric(const std::string&) {
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto term = etf::decode_external({reinterpret_cast<const char*>(data), size});
  if (!term) return 0;
  Timestamp now{std::chrono::hours(480'000)};
  RuleEngine engine([](const Finding& finding) {
    if (!etf::is_utf8(finding.instance)) std::abort();
    keep(finding.evidence);
  });
  for (auto rule : builtin_rules()) engine.add(*make_ready(std::move(rule), &any_metric), now);
  SampleReader reader;
  reader.want(engine);
  Subject node{Scope::node, "n1", "a@h", "f1", "shop"};
  auto samples = reader.read(*term);
  engine.samples(node, samples, now);
  auto known = passed_on(*term, engine);
  if (!etf::is_utf8(known.condition) || !etf::is_utf8(known.instance)) std::abort();
  keep(evidence_of(*term));
  FamilyView families;
  for (auto* check : {"applications", "modules", "config", "timezone", "peers", "code_mode",
                      "long_queues", "old_code", "clashes", "bad_app_files"}) {
    engine.check(node, check, *term, now);
    families.learn(node, check, *term);
    asio::io_context io;
    auto findings = asio::co_spawn(io, families.compare("f1"), asio::use_future);
    io.run();
    for (auto& finding : findings.get()) keep(finding.evidence);
  }
  return 0;
}
