#include "services/alarms/rule.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include "services/alarms/schemas.h"

namespace muster::alarms {

namespace {

constexpr std::size_t longest_pattern = 1024, longest_text = 4096, most_covered = 1000;
constexpr std::size_t most_covered_bytes = 64 * 1024, most_tags = 20, longest_tag = 100;
// The time of a match is this times the text's length; PatternSearch has a second for a batch.
constexpr int most_steps = 500;

bool is_id(const std::string& id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

Error bad(std::string field, std::string text) {
  return Error(Errc::bad_request, std::move(text), std::move(field));
}

std::size_t bytes_of(const std::vector<std::string>& texts) {
  std::size_t sum = 0;
  for (auto& text : texts) sum += text.size();
  return sum;
}

Result<> check_levels(Rule& rule) {
  bool is_above = rule.direction == Direction::above;
  std::optional<double> before;
  for (std::size_t i = 0; i < rule.levels.size(); ++i) {
    auto& level = rule.levels[i];
    auto field = [&](const char* member) { return fmt::format("/levels/{}/{}", i, member); };
    if (i > 0 && level.severity <= rule.levels[i - 1].severity)
      return bad(field("severity"), "levels go from the least to the most severe");
    if (!level.raise) return bad(field("raise"), "a number wanted");
    if (!level.clear) level.clear = level.raise;
    if (is_above ? *level.clear > *level.raise : *level.clear < *level.raise)
      return bad(field("clear"), fmt::format("{} wanted: it would be over while it is raised",
                                             is_above ? "not above `raise`" : "not below `raise`"));
    if (before && (is_above ? *level.raise <= *before : *level.raise >= *before))
      return bad(field("raise"), "a more severe level lies farther out");
    before = level.raise;
  }
  return {};
}

Result<> check_metric(Rule& rule, const std::function<bool(const std::string&)>& is_metric) {
  if (!rule.metric) return bad("/metric", "the name of a metric wanted");
  if (!is_metric(*rule.metric)) return bad("/metric", "no metric '" + *rule.metric + "'");
  if (rule.percent_of && !is_metric(*rule.percent_of))
    return bad("/percent_of", "no metric '" + *rule.percent_of + "'");
  if (rule.percent_of && rule.measure != Measure::value && rule.measure != Measure::per_minute)
    return bad("/percent_of", "growth cannot be in percent of another metric");
  return check_levels(rule);
}

Result<std::shared_ptr<const re2::RE2>> compile(const std::string& pattern) {
  if (pattern.size() > longest_pattern)
    return bad("/pattern", fmt::format("at most {} bytes", longest_pattern));
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  options.set_never_capture(true);
  auto compiled = std::make_shared<const re2::RE2>(pattern, options);
  if (!compiled->ok()) return bad("/pattern", "no regular expression: " + compiled->error());
  if (compiled->ProgramSize() > most_steps)
    return bad("/pattern", fmt::format("it has {} steps, {} at most: repetitions with a count, as "
                                       "in .{{30}}, have many",
                                       compiled->ProgramSize(), most_steps));
  return compiled;
}

std::vector<Rule> parse_builtin() {
  auto document = ops::json::parse(alarms_json());
  std::vector<Rule> rules;
  for (auto& row : document.as_object().at("alarms").as_array()) {
    auto whole = ops::to_json(Rule{});  // a row says what is not as usual
    for (auto& [member, what] : row.as_object())
      if (member != "test") whole.as_object()[member] = what;  // that is for the tests alone
    auto rule = ops::read<Rule>(ops::Input(whole));
    if (!rule)
      throw std::logic_error("schemas/alarms.json: " + rule.error().message + " at " +
                             rule.error().field);
    rules.push_back(std::move(*rule));
  }
  return rules;
}

bool names(const std::vector<std::string>& wanted, const std::string& id, const std::string& name) {
  return std::any_of(wanted.begin(), wanted.end(),
                     [&](const std::string& one) { return one == id || one == name; });
}

}  // namespace

bool ReadyRule::covers(const Subject& node) const {
  if (rule.nodes.empty() && rule.families.empty()) return true;
  return names(rule.nodes, node.id, node.name) ||
         (node.family_id && names(rule.families, *node.family_id, node.family.value_or("")));
}

std::size_t ReadyRule::level(double value, std::size_t before) const {
  auto is_beyond = [&](double limit) {
    return rule.direction == Direction::above ? value > limit : value < limit;
  };
  std::size_t now = 0;
  for (std::size_t i = 0; i < rule.levels.size(); ++i) {
    auto& level = rule.levels[i];
    if (is_beyond(*level.raise) || (i < before && is_beyond(*level.clear))) now = i + 1;
  }
  return now;
}

Result<ReadyRule> make_ready(Rule rule, const std::function<bool(const std::string&)>& is_metric) {
  if (!is_id(rule.id)) return bad("/id", "1 to 64 of a-z, 0-9, '_', '-', '.' wanted");
  if (rule.levels.empty()) return bad("/levels", "at least one level wanted");
  for (auto [text, field] : {std::pair(&rule.description, "/description"),
                             std::pair(&rule.probable_cause, "/probable_cause"),
                             std::pair(&rule.proposed_repair_action, "/proposed_repair_action")})
    if (text->size() > longest_text)
      return bad(field, fmt::format("at most {} bytes", longest_text));
  ReadyRule ready;
  if (rule.kind == RuleKind::metric) {
    TRYV(check_metric(rule, is_metric));
  } else if (rule.kind == RuleKind::notification) {
    if (!rule.pattern && !rule.log_kind && !rule.log_severity)
      return bad("/pattern", "a regular expression wanted");
    if (rule.pattern) {
      TRY(ready.pattern, compile(*rule.pattern));
    }
    if (rule.count == 0 || rule.count > 1000) return bad("/count", "1 to 1000 wanted");
  } else if (rule.kind != RuleKind::family && !rule.check) {
    return bad("/check", "what to look at wanted");
  } else if (rule.value) {
    TRYV(check_levels(rule));
  }
  for (auto [names, field] : {std::pair(&rule.nodes, "/nodes"), {&rule.families, "/families"}})
    if (names->size() > most_covered || bytes_of(*names) > most_covered_bytes)
      return bad(field,
                 fmt::format("at most {}, of {} bytes together", most_covered, most_covered_bytes));
  // Each alarm has them.
  if (rule.tags.size() > most_tags || bytes_of(rule.tags) > most_tags * longest_tag)
    return bad("/tags",
               fmt::format("at most {}, of {} bytes together", most_tags, most_tags * longest_tag));
  if (rule.window == 0 || rule.window > 86'400) return bad("/window", "1 to 86400 s wanted");
  if (rule.kind == RuleKind::notification && !rule.quiet) rule.quiet = 300;
  if (rule.quiet && (*rule.quiet == 0 || *rule.quiet > 86'400))
    return bad("/quiet", "1 to 86400 s wanted");
  if (rule.hold > 86'400) return bad("/hold", "at most 86400 s");
  ready.rule = std::move(rule);
  return ready;
}

const std::vector<Rule>& builtin_rules() {
  static const std::vector<Rule> rules = parse_builtin();
  return rules;
}

}  // namespace muster::alarms
