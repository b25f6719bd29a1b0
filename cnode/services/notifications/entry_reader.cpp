#include "services/notifications/entry_reader.h"

#include <fmt/format.h>

#include <boost/describe/enum_from_string.hpp>

#include "base/clean_text.h"
#include "etf/encode.h"
#include "etf/print.h"

namespace muster::notifications {

namespace {

constexpr std::size_t most_entries = 2000, most_sources = 32;
constexpr std::size_t most_text = 8 * 1024, most_report = 16 * 1024, most_name = 64, most_mfa = 256;
constexpr std::int64_t last_us = 253'402'300'799'000'000;  // the year 9999

std::string text_at(const etf::Map& map, std::string_view key, std::size_t most,
                    Lines lines = Lines::joined) {
  std::string text;
  auto* value = map.find(key);
  if (!value || value->is_atom("undefined") || !value->text(text)) return {};
  return clean_text(text, most, lines);
}

/// {M, F, A}: A is a number or the arguments themselves.
std::string mfa_of(const etf::Term* value) {
  auto* parts = value ? value->tuple(3) : nullptr;
  if (!parts) return {};
  auto* module = (*parts)[0].get_if<etf::Atom>();
  auto* function = (*parts)[1].get_if<etf::Atom>();
  auto* arity = (*parts)[2].get_if<std::int64_t>();
  std::vector<etf::Term> arguments;
  if (!module || !function || (!arity && !(*parts)[2].proper_list(arguments))) return {};
  auto count = arity ? *arity : static_cast<std::int64_t>(arguments.size());
  return clean_text(fmt::format("{}:{}/{}", etf::quoted(*module), etf::quoted(*function), count),
                    most_mfa);
}

/// False: it is no entry.
bool read_entry(const etf::Term& term, Entry& entry) {
  auto* map = term.get_if<etf::Map>();
  if (!map) return false;
  entry.text = text_at(*map, "text", most_text, Lines::kept);
  if (entry.text.empty()) return false;
  auto severity = text_at(*map, "severity", most_name);
  if (!boost::describe::enum_from_string(severity.c_str(), entry.severity)) return false;
  entry.source = text_at(*map, "source", most_name);
  entry.kind = text_at(*map, "kind", most_name);
  bool is_ours = entry.source == "muster";  // the daemon's own word is no node's to say
  if (entry.source.empty() || is_ours) entry.source = "unknown";
  if (entry.kind.empty()) entry.kind = "log";
  entry.application = text_at(*map, "application", most_name);
  entry.pid = text_at(*map, "pid", most_name);
  entry.mfa = mfa_of(map->find("mfa"));
  auto* at = map->find("at");
  auto* us = at ? at->get_if<std::int64_t>() : nullptr;
  if (us && *us > 0 && *us <= last_us) entry.node_at_us = *us;
  if (auto* report = map->find("report"); report && !report->is_atom("undefined")) {
    entry.report = etf::encode_external(*report);
    if (entry.report.size() > most_report) entry.report.clear();
  }
  return true;
}

}  // namespace

AgentMessage read_message(const etf::Term& message) {
  AgentMessage read;
  auto* map = message.get_if<etf::Map>();
  if (!map) {
    read.unreadable = 1;
    return read;
  }
  std::vector<etf::Term> entries;
  auto* list = map->find("entries");
  if (list && !list->proper_list(entries)) ++read.unreadable;
  for (auto& term : entries) {
    Entry entry;
    if (read.entries.size() < most_entries && read_entry(term, entry))
      read.entries.push_back(std::move(entry));
    else
      ++read.unreadable;
  }
  auto* dropped = map->find("dropped");
  auto* counts = dropped ? dropped->get_if<etf::Map>() : nullptr;
  if (!counts) return read;
  for (auto& [key, value] : counts->pairs) {
    std::string source;
    auto* count = value.get_if<std::int64_t>();
    if (read.dropped.size() == most_sources || !count || *count <= 0 || !key.text(source)) continue;
    read.dropped.emplace_back(clean_text(source, most_name), static_cast<std::uint64_t>(*count));
  }
  return read;
}

}  // namespace muster::notifications
