#include "services/alarms/family_view.h"

#include "services/alarms/node_text.h"

namespace muster::alarms {

using ops::json::array;
using ops::json::object;
using ops::json::value;

namespace {

constexpr std::size_t most_names = 1'000'000, most_shown = 50, most_pairs = 20'000;

/// The boot script of a plain `erl`: what runs under it need have nothing in common.
constexpr std::string_view plain_erlang = "Erlang/OTP";

/// Parameters that differ between nodes by their nature.
constexpr std::string_view own[] = {
    "kernel.dist_listen_min",        "kernel.inet_dist_listen_min",
    "kernel.inet_dist_listen_max",   "kernel.inet_dist_use_interface",
    "kernel.sync_nodes_optional",    "kernel.sync_nodes_mandatory",
    "kernel.error_logger",           "kernel.logger",
    "kernel.logger_sasl_compatible", "mnesia.dir",
    "sasl.sasl_error_logger",        "sasl.error_logger_mf_dir",
    "stdlib.shell_history_path",     "kernel.shell_history_path"};

template <class Each>
void each_pair(const etf::Term& found, Each each) {
  auto* map = found.get_if<etf::Map>();
  std::size_t count = 0;
  if (map)
    for (auto& [key, what] : map->pairs)
      if (++count <= most_pairs) each(key, what);
}

object nodes_by(const std::map<std::string, std::vector<std::string>>& groups) {
  object shown;
  for (auto& [what, nodes] : groups) {
    array names;
    for (auto& node : nodes)
      if (names.size() < most_shown) names.push_back(value(node));
    shown[what] = std::move(names);
  }
  return shown;
}

FamilyFinding finding(std::string condition, object evidence) {
  FamilyFinding finding;
  finding.condition = std::move(condition);
  finding.holds = !evidence.empty();
  if (finding.holds) finding.evidence = std::move(evidence);
  return finding;
}

}  // namespace

std::optional<FamilyView::Name> FamilyView::intern(const std::string& name) {
  auto at = numbers_.find(name);
  if (at != numbers_.end()) return at->second;
  if (names_.size() >= most_names) return std::nullopt;
  auto number = static_cast<Name>(names_.size());
  names_.push_back(name);
  numbers_.emplace(name, number);
  return number;
}

FamilyView::Pairs FamilyView::read_pairs(const etf::Term& found) {
  std::vector<std::pair<Name, std::int64_t>> pairs;
  each_pair(found, [&](const etf::Term& key, const etf::Term& what) {
    auto* hash = what.get_if<std::int64_t>();
    auto name = hash ? intern(node_text(key)) : std::nullopt;
    if (name) pairs.emplace_back(*name, *hash);
  });
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

FamilyView::Pairs FamilyView::read_config(const etf::Term& found) {
  std::vector<std::pair<Name, std::int64_t>> pairs;
  each_pair(found, [&](const etf::Term& application, const etf::Term& parameters) {
    each_pair(parameters, [&](const etf::Term& key, const etf::Term& what) {
      auto full = node_text(application) + "." + node_text(key);
      auto* hash = what.get_if<std::int64_t>();
      bool is_own = std::find(std::begin(own), std::end(own), full) != std::end(own);
      auto name = hash && !is_own ? intern(full) : std::nullopt;
      if (name) pairs.emplace_back(*name, *hash);
    });
  });
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

std::vector<std::string> FamilyView::learn(const Subject& node, const std::string& check,
                                           const etf::Term& found) {
  std::vector<std::string> gone;
  if (!node.family_id) return gone;
  auto& family = families_[*node.family_id];
  family.name = node.family.value_or(*node.family_id);
  auto& facts = family.nodes[node.id];
  facts.node = node.name;
  if (check == "applications") {
    std::map<std::string, std::string> applications;
    each_pair(found, [&](const etf::Term& name, const etf::Term& version) {
      applications.emplace(node_text(name), node_text(version));
    });
    if (facts.applications)
      for (auto& [name, version] : *facts.applications)
        if (!applications.contains(name)) gone.push_back(name);
    facts.applications = std::move(applications);
  } else if (check == "modules") {
    facts.modules = read_pairs(found);
  } else if (check == "config") {
    facts.config = read_config(found);
  } else if (check == "timezone") {
    if (auto* seconds = found.get_if<std::int64_t>()) facts.timezone = *seconds;
  } else if (check == "code_mode") {
    facts.is_embedded = found.is_atom("embedded");
  } else if (check == "peers") {
    std::vector<etf::Term> peers;
    found.proper_list(peers);
    std::vector<std::string> names;
    for (auto& peer : peers)
      if (names.size() < most_pairs) names.push_back(node_text(peer));
    family.partitions.learn(node.name, names);
  } else {
    return gone;
  }
  changed_.insert(*node.family_id);
  return gone;
}

void FamilyView::forget(const Subject& node) {
  for (auto& [family_id, family] : families_) {
    if (!family.nodes.erase(node.id)) continue;
    family.partitions.forget(node.name);
    changed_.insert(family_id);
  }
}

std::set<std::string> FamilyView::take_changed() {
  return std::exchange(changed_, {});
}

Subject FamilyView::subject(const std::string& family_id) const {
  auto family = families_.find(family_id);
  return {Scope::family, family_id, family == families_.end() ? family_id : family->second.name,
          std::nullopt, std::nullopt};
}

/// Which names have different values, and which are not everywhere.
std::pair<FamilyFinding, FamilyFinding> FamilyView::compare_pairs(const Family& family,
                                                                  Pairs Facts::*what,
                                                                  bool embedded_only) {
  struct Seen {
    std::int64_t value;
    std::size_t count = 0, complete = 0;
    bool differs = false;
  };
  std::unordered_map<Name, Seen> all;
  std::size_t complete = 0;
  for (auto& [id, facts] : family.nodes) {
    if (!(facts.*what)) continue;
    bool is_complete = !embedded_only || facts.is_embedded;
    complete += is_complete;
    for (auto& [name, hash] : *(facts.*what)) {
      auto& seen = all.try_emplace(name, Seen{hash}).first->second;
      seen.differs = seen.differs || seen.value != hash;
      ++seen.count;
      seen.complete += is_complete;
    }
  }
  std::set<std::pair<std::string, Name>> differing, missing;
  for (auto& [name, seen] : all) {
    if (seen.differs) differing.emplace(names_[name], name);
    if (seen.complete > 0 && seen.complete < complete) missing.emplace(names_[name], name);
  }
  auto show = [&](const std::set<std::pair<std::string, Name>>& chosen, bool by_value) {
    object shown;
    for (auto& [text, name] : chosen) {
      if (shown.size() == most_shown) break;
      std::map<std::string, std::vector<std::string>> groups;
      for (auto& [id, facts] : family.nodes) {
        if (!(facts.*what)) continue;
        auto& pairs = *(facts.*what);
        auto at = std::lower_bound(pairs.begin(), pairs.end(),
                                   std::pair(name, std::numeric_limits<std::int64_t>::min()));
        bool has = at != pairs.end() && at->first == name;
        if (has && by_value) groups[std::to_string(at->second)].push_back(facts.node);
        if (!has && !by_value && (!embedded_only || facts.is_embedded))
          groups["missing on"].push_back(facts.node);
      }
      shown[text] = nodes_by(groups);
    }
    return shown;
  };
  return {finding({}, show(differing, true)), finding({}, show(missing, false))};
}

void FamilyView::compare_applications(const Family& family,
                                      std::vector<FamilyFinding>& findings) const {
  std::map<std::string, std::map<std::string, std::vector<std::string>>> versions;
  std::size_t nodes = 0;
  for (auto& [id, facts] : family.nodes) {
    if (!facts.applications) continue;
    ++nodes;
    for (auto& [name, version] : *facts.applications) versions[name][version].push_back(facts.node);
  }
  object differing, missing;
  for (auto& [name, by_version] : versions) {
    std::size_t count = 0;
    for (auto& [version, where] : by_version) count += where.size();
    if (by_version.size() > 1 && differing.size() < most_shown)
      differing[name] = nodes_by(by_version);
    if (count == nodes || missing.size() == most_shown) continue;
    std::map<std::string, std::vector<std::string>> without;
    for (auto& [id, facts] : family.nodes)
      if (facts.applications && !facts.applications->contains(name))
        without["missing on"].push_back(facts.node);
    missing[name] = nodes_by(without);
  }
  findings.push_back(finding("different_application_versions", std::move(differing)));
  findings.push_back(finding("missing_application", std::move(missing)));
}

FamilyFinding FamilyView::compare_timezones(const Family& family) const {
  std::map<std::string, std::vector<std::string>> zones;
  for (auto& [id, facts] : family.nodes)
    if (facts.timezone) zones[std::to_string(*facts.timezone) + " s"].push_back(facts.node);
  return finding("different_timezones", zones.size() > 1 ? nodes_by(zones) : object());
}

std::vector<FamilyFinding> FamilyView::compare(const std::string& family_id) {
  std::vector<FamilyFinding> findings;
  auto at = families_.find(family_id);
  if (at == families_.end()) return findings;
  auto& family = at->second;
  findings.push_back(finding("partial_partition", family.partitions.find()));
  if (family.name.starts_with(plain_erlang)) return findings;
  compare_applications(family, findings);
  findings.push_back(compare_timezones(family));
  auto [code, missing_code] = compare_pairs(family, &Facts::modules, true);
  code.condition = "different_module_versions";
  missing_code.condition = "missing_module";
  auto [config, missing_config] = compare_pairs(family, &Facts::config, false);
  config.condition = "inconsistent_global_config";
  missing_config.condition = "global_config_missing";
  for (auto* one : {&code, &missing_code, &config, &missing_config})
    findings.push_back(std::move(*one));
  return findings;
}

}  // namespace muster::alarms
