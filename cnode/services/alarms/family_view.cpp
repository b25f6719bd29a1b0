#include "services/alarms/family_view.h"

#include <span>

#include "services/alarms/node_text.h"

namespace muster::alarms {

using ops::json::array;
using ops::json::object;
using ops::json::value;

namespace {

constexpr std::size_t most_shown = 50, most_pairs = 10'000, most_text = 512 * 1024;
constexpr std::size_t most_peers = 20'000;     ///< of a node
constexpr std::size_t most_compared = 20'000;  ///< applications of a family

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
void each_pair(const etf::Term& found, Each each, std::size_t most = most_pairs) {
  auto* map = found.get_if<etf::Map>();
  std::size_t count = 0;
  if (map)
    for (auto& [key, what] : map->pairs)
      if (++count <= most) each(key, what);
}

/// What one node may say in one check.
class Share {
 public:
  /// Nothing when it has said enough.
  std::optional<std::string> take(std::string text) {
    if (count_ == most_pairs || bytes_ + text.size() > most_text) return std::nullopt;
    ++count_;
    bytes_ += text.size();
    return text;
  }

 private:
  std::size_t count_ = 0, bytes_ = 0;
};

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

FamilyView::Pairs FamilyView::read_pairs(NameTable& names, const etf::Term& found) {
  Share share;
  std::vector<std::pair<Name, std::int64_t>> pairs;
  each_pair(found, [&](const etf::Term& key, const etf::Term& what) {
    auto* hash = what.get_if<std::int64_t>();
    auto text = hash ? share.take(node_text(key)) : std::nullopt;
    auto name = text ? names.use(*text) : std::nullopt;
    if (name) pairs.emplace_back(*name, *hash);
  });
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

FamilyView::Pairs FamilyView::read_config(NameTable& names, const etf::Term& found) {
  Share share;
  std::vector<std::pair<Name, std::int64_t>> pairs;
  each_pair(found, [&](const etf::Term& application, const etf::Term& parameters) {
    auto prefix = node_text(application) + ".";
    each_pair(parameters, [&](const etf::Term& key, const etf::Term& what) {
      auto* hash = what.get_if<std::int64_t>();
      auto full = hash ? share.take(prefix + node_text(key)) : std::nullopt;
      bool is_own = full && std::find(std::begin(own), std::end(own), *full) != std::end(own);
      auto name = full && !is_own ? names.use(*full) : std::nullopt;
      if (name) pairs.emplace_back(*name, *hash);
    });
  });
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

/// Where names are short the old ones go before the new ones come. Else they go after them, and
/// keep their numbers where they are the same.
void FamilyView::make_room(NameTable& names, Pairs& pairs) {
  if (names.size() + most_pairs > NameTable::most) replace(names, pairs, {});
}

void FamilyView::replace(NameTable& names, Pairs& pairs, Pairs now) {
  if (pairs)
    for (auto& [name, hash] : *pairs) names.let_go(name);
  pairs = std::move(now);
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
    Share share;
    std::map<std::string, std::string> applications;
    auto take = [&](const etf::Term& key, const etf::Term& what) {
      auto name = share.take(node_text(key));
      auto version = name ? share.take(node_text(what)) : std::nullopt;
      if (version) applications.emplace(*std::move(name), *std::move(version));
    };
    each_pair(found, take, most_applications);
    if (facts.applications)
      for (auto& [name, version] : *facts.applications)
        if (!applications.contains(name)) gone.push_back(name);
    facts.applications = std::move(applications);
  } else if (check == "modules") {
    make_room(family.names, facts.modules);
    replace(family.names, facts.modules, read_pairs(family.names, found));
  } else if (check == "config") {
    make_room(family.names, facts.config);
    replace(family.names, facts.config, read_config(family.names, found));
  } else if (check == "timezone") {
    if (auto* seconds = found.get_if<std::int64_t>()) facts.timezone = *seconds;
  } else if (check == "code_mode") {
    facts.is_embedded = found.is_atom("embedded");
  } else if (check == "peers") {
    std::vector<etf::Term> peers;
    if (!found.proper_list(peers) || peers.size() > most_peers) {
      family.partitions.forget(node.name);  // of a part of them nothing follows
    } else {
      std::vector<std::string> names;
      for (auto& peer : peers) names.push_back(node_text(peer));
      family.partitions.learn(node.name, names);
    }
  } else {
    return gone;
  }
  changed_.insert(*node.family_id);
  return gone;
}

void FamilyView::forget(const Subject& node) {
  for (auto& [family_id, family] : families_) {
    auto at = family.nodes.find(node.id);
    if (at == family.nodes.end()) continue;
    replace(family.names, at->second.modules, {});
    replace(family.names, at->second.config, {});
    family.nodes.erase(at);
    family.partitions.forget(node.name);
    changed_.insert(family_id);
  }
}

std::set<std::string> FamilyView::take_changed() {
  return std::exchange(changed_, {});
}

void FamilyView::let_go_if_empty(const std::string& family_id) {
  auto family = families_.find(family_id);
  if (family != families_.end() && family->second.nodes.empty()) families_.erase(family);
}

Subject FamilyView::subject(const std::string& family_id) const {
  auto family = families_.find(family_id);
  return {Scope::family, family_id, family == families_.end() ? family_id : family->second.name,
          std::nullopt, std::nullopt};
}

/// Looks at one node of the family after the other; others have their turns between.
template <class Look>
asio::awaitable<void> FamilyView::each_node(std::string family_id, Look look) {
  Turn turn;
  for (std::string last;;) {
    auto family = families_.find(family_id);
    if (family == families_.end()) co_return;
    auto& nodes = family->second.nodes;
    auto node = nodes.upper_bound(last);
    for (; node != nodes.end() && !turn.is_over(); ++node) look(node->second);
    if (node == nodes.end()) co_return;
    if (node != nodes.begin()) last = std::prev(node)->first;
    co_await next_turn(turn);
  }
}

/// Which names have different values, and which are not everywhere.
asio::awaitable<FamilyView::Findings> FamilyView::compare_pairs(std::string family_id,
                                                                Pairs Facts::*what,
                                                                bool embedded_only) {
  auto family = families_.find(family_id);
  if (family == families_.end()) co_return Findings(2);
  auto& names = family->second.names;  // a family goes only between two comparisons
  NameTable::Hold numbers(names);
  struct Seen {
    std::int64_t value;
    std::size_t complete = 0;
    bool differs = false;
  };
  std::unordered_map<Name, Seen> all;
  std::size_t complete = 0;
  auto count = [&](const Facts& facts) {
    if (!(facts.*what)) return;
    bool is_complete = !embedded_only || facts.is_embedded;
    complete += is_complete;
    for (auto& [name, hash] : *(facts.*what)) {
      auto& seen = all.try_emplace(name, Seen{hash}).first->second;
      seen.differs = seen.differs || seen.value != hash;
      seen.complete += is_complete;
    }
  };
  co_await each_node(family_id, count);
  using Groups = std::map<std::string, std::vector<std::string>>;
  std::map<std::pair<std::string, Name>, Groups> differing, missing;
  auto choose = [&](auto& chosen, Name number) {  // the first by name
    chosen.try_emplace({names.name(number), number});
    if (chosen.size() > most_shown) chosen.erase(std::prev(chosen.end()));
  };
  Turn turn;
  for (auto& [number, seen] : all) {
    if (turn.is_over()) co_await next_turn(turn);
    if (names.name(number).empty()) continue;  // it has gone meanwhile
    if (seen.differs) choose(differing, number);
    if (seen.complete > 0 && seen.complete < complete) choose(missing, number);
  }
  auto gather = [&](const Facts& facts) {
    if (!(facts.*what)) return;
    auto& pairs = *(facts.*what);
    auto value_of = [&](Name name) {
      auto at = std::lower_bound(pairs.begin(), pairs.end(),
                                 std::pair(name, std::numeric_limits<std::int64_t>::min()));
      return at != pairs.end() && at->first == name ? &at->second : nullptr;
    };
    for (auto& [key, groups] : differing)
      if (auto* found = value_of(key.second)) groups[std::to_string(*found)].push_back(facts.node);
    if (embedded_only && !facts.is_embedded) return;
    for (auto& [key, groups] : missing)
      if (!value_of(key.second)) groups["missing on"].push_back(facts.node);
  };
  if (!differing.empty() || !missing.empty()) co_await each_node(family_id, gather);
  Findings findings;
  for (auto* chosen : {&differing, &missing}) {
    object shown;
    for (auto& [key, groups] : *chosen) shown[key.first] = nodes_by(groups);
    findings.push_back(finding({}, std::move(shown)));
  }
  co_return findings;
}

asio::awaitable<FamilyView::Findings> FamilyView::compare_applications(std::string family_id) {
  using Nodes = std::vector<std::string>;
  struct Where {
    std::size_t count = 0;
    std::map<std::string, Nodes> by_version;  ///< as many nodes as are shown
  };
  std::map<std::string, Where> versions;
  std::size_t nodes = 0;
  auto count = [&](const Facts& facts) {
    if (!facts.applications) return;
    ++nodes;
    for (auto& [name, version] : *facts.applications) {
      auto at = versions.find(name);
      if (at == versions.end() && versions.size() == most_compared) continue;
      if (at == versions.end()) at = versions.try_emplace(name).first;
      ++at->second.count;
      auto& on = at->second.by_version[version];
      if (on.size() < most_shown) on.push_back(facts.node);
    }
  };
  co_await each_node(family_id, count);
  object differing;
  std::map<std::string, std::map<std::string, Nodes>> missing;
  for (auto& [name, where] : versions) {
    if (where.by_version.size() > 1 && differing.size() < most_shown)
      differing[name] = nodes_by(where.by_version);
    if (where.count < nodes && missing.size() < most_shown) missing.try_emplace(name);
  }
  auto gather = [&](const Facts& facts) {
    if (!facts.applications) return;
    for (auto& [name, groups] : missing)
      if (!facts.applications->contains(name)) groups["missing on"].push_back(facts.node);
  };
  if (!missing.empty()) co_await each_node(family_id, gather);
  object shown;
  for (auto& [name, groups] : missing) shown[name] = nodes_by(groups);
  Findings findings;
  findings.push_back(finding("different_application_versions", std::move(differing)));
  findings.push_back(finding("missing_application", std::move(shown)));
  co_return findings;
}

asio::awaitable<FamilyView::Findings> FamilyView::compare_timezones(std::string family_id) {
  std::map<std::string, std::vector<std::string>> zones;
  auto gather = [&](const Facts& facts) {
    if (facts.timezone) zones[std::to_string(*facts.timezone) + " s"].push_back(facts.node);
  };
  co_await each_node(family_id, gather);
  Findings findings;
  findings.push_back(finding("different_timezones", zones.size() > 1 ? nodes_by(zones) : object()));
  co_return findings;
}

asio::awaitable<FamilyView::Findings> FamilyView::compare(std::string family_id) {
  Findings findings;
  auto at = families_.find(family_id);
  if (at == families_.end()) co_return findings;
  findings.push_back(finding("partial_partition", at->second.partitions.find()));
  if (at->second.name.starts_with(plain_erlang)) co_return findings;
  auto add = [&](Findings more) {
    for (auto& one : more) findings.push_back(std::move(one));
  };
  add(co_await compare_applications(family_id));
  add(co_await compare_timezones(family_id));
  auto modules = co_await compare_pairs(family_id, &Facts::modules, true);
  modules[0].condition = "different_module_versions";
  modules[1].condition = "missing_module";
  auto config = co_await compare_pairs(family_id, &Facts::config, false);
  config[0].condition = "inconsistent_global_config";
  config[1].condition = "global_config_missing";
  add(std::move(modules));
  add(std::move(config));
  co_return findings;
}

}  // namespace muster::alarms
