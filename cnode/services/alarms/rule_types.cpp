#include "services/alarms/rule_types.h"

namespace muster::alarms {

Result<Rule> rule_of(AddRule request) {
  bool is_log = request.pattern || request.log_kind || request.log_severity || request.log_source;
  if (is_log == request.metric.has_value())
    return Error(Errc::bad_request, "either a metric or a pattern on notifications wanted",
                 "/metric");
  Rule rule;
  rule.id = std::move(request.id);
  rule.source = Source::user;
  rule.kind = is_log ? RuleKind::notification : RuleKind::metric;
  rule.description = request.description.value_or(rule.id);
  rule.probable_cause = request.probable_cause.value_or("");
  rule.proposed_repair_action = request.proposed_repair_action.value_or("");
  rule.tags = std::move(request.tags);
  rule.nodes = std::move(request.nodes);
  rule.families = std::move(request.families);
  if (!request.levels.empty() && (request.raise || request.clear || request.severity))
    return Error(Errc::bad_request, "either levels or severity, raise and clear wanted", "/levels");
  rule.levels = std::move(request.levels);
  if (rule.levels.empty())
    rule.levels.push_back(
        {request.severity.value_or(Severity::minor), request.raise, request.clear});
  rule.hold = request.hold.value_or(0);
  rule.count = request.count.value_or(1);
  rule.quiet = is_log ? request.quiet : std::nullopt;
  rule.metric = std::move(request.metric);
  rule.percent_of = std::move(request.percent_of);
  rule.label = std::move(request.label);
  rule.scale = request.scale;
  rule.at_least = request.at_least;
  rule.direction = request.direction.value_or(Direction::above);
  rule.measure = request.measure.value_or(Measure::value);
  rule.window = request.window.value_or(rule.measure == Measure::per_minute ? 20 : 60);
  rule.pattern = std::move(request.pattern);
  rule.log_source = std::move(request.log_source);
  rule.log_kind = std::move(request.log_kind);
  rule.log_severity = std::move(request.log_severity);
  return rule;
}

Error as_requested(Error error, bool has_levels) {
  constexpr std::string_view first = "/levels/0";
  if (!has_levels && error.field.starts_with(first)) error.field.erase(0, first.size());
  return error;
}

}  // namespace muster::alarms
