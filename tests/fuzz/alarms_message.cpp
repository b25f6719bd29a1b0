// What the agents alarms and metrics say: whatever the term, what is kept of it can be stored and
// read again.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "etf/decode.h"
#include "services/alarms/family_view.h"
#include "services/alarms/node_text.h"
#include "services/alarms/passed_on.h"
#include "services/alarms/sample_reader.h"

namespace {

using namespace muster;
using namespace muster::alarms;

/// Boost.JSON 1.81 reads some doubles back as their neighbour.
bool is_same(const ops::json::value& a, const ops::json::value& b) {
  if (a.is_double() && b.is_double())
    return std::abs(a.as_double() - b.as_double()) <= std::abs(a.as_double()) * 1e-15;
  if (a.is_object() && b.is_object()) {
    auto in_b = [&](auto& pair) {
      auto* other = b.as_object().if_contains(pair.key());
      return other && is_same(pair.value(), *other);
    };
    auto& all = a.as_object();
    return all.size() == b.as_object().size() && std::all_of(all.begin(), all.end(), in_b);
  }
  if (a.is_array() && b.is_array())
    return std::equal(a.as_array().begin(), a.as_array().end(), b.as_array().begin(),
                      b.as_array().end(), is_same);
  return a == b;
}

void keep(const std::optional<ops::json::value>& evidence) {
  if (!evidence) return;
  boost::system::error_code ec;
  auto kept = bounded_evidence(*evidence);
  auto read = ops::json::parse(ops::json::serialize(kept), ec);
  if (ec || !is_same(kept, read)) std::abort();
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
    for (auto& finding : families.compare("f1")) keep(finding.evidence);
  }
  return 0;
}
