#include "cli/follow.h"

#include "ops/builtin.h"

namespace muster::cli {
namespace {

std::string text_of(const json::object& object, std::string_view name) {
  auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// Releases and alarms have states of their own, for which nobody waits.
bool is_node_state(const std::string& state) {
  return state == "UNINIT" || state == "STOPPED" || state == "DOWN" || state == "UP" ||
         state == "ERROR";
}

void for_each_row(const json::value& answer, const std::function<void(const json::object&)>& row) {
  if (auto* array = answer.if_array()) {
    for (auto& each : *array) for_each_row(each, row);
  } else if (auto* object = answer.if_object()) {
    if (is_node_state(text_of(*object, "state")))
      row(*object);
    else if (auto* items = object->if_contains("items"))
      for_each_row(*items, row);
  }
}

}  // namespace

Result<std::uint64_t> last_event(Client& client) {
  TRY(auto reply, client.get("/api/events"));
  auto* object = reply.if_object();
  auto* seq = object ? object->if_contains("seq") : nullptr;
  if (!seq || !seq->is_number()) return Error(Errc::internal, "an answer without a number");
  return seq->to_number<std::uint64_t>();
}

Result<> follow_events(Client& client, const std::vector<std::string>& topics, std::uint64_t since,
                       const std::function<void(const json::object& event)>& heard) {
  constexpr int patience = 20;
  for (;;) {
    auto target = fmt::format("/api/events?since={}&wait={}", since, patience);
    for (auto& topic : topics) target += "&topics=" + url_encoded(topic);
    TRY(auto reply, client.get(target));
    auto* object = reply.if_object();
    if (!object || !object->contains("seq") || !object->contains("items"))
      return Error(Errc::internal, "an answer that is no list of events");
    if (auto lost = object->at("lost").to_number<std::uint64_t>(); lost > 0)
      fmt::print(stderr, "{} events are lost\n", lost);
    since = object->at("seq").to_number<std::uint64_t>();
    for (auto& event : object->at("items").as_array()) heard(event.as_object());
  }
}

std::set<std::string> rows_with_state(const json::value& answer) {
  std::set<std::string> ids;
  for_each_row(answer, [&](const json::object& row) { ids.insert(text_of(row, "id")); });
  return ids;
}

StateWait::StateWait(const json::value& answer, std::string wanted) : wanted_(std::move(wanted)) {
  waiting_ = rows_with_state(answer);
  for_each_row(answer, [&](const json::object& row) { look(row); });
}

void StateWait::look(const json::object& row) {
  if (text_of(row, "goal") == "restarted") return;  // that it is UP still says nothing
  note(text_of(row, "id"), text_of(row, "state"));
}

void StateWait::gone(const std::string& id) {
  if (waiting_.erase(id) > 0) has_failed_ = true;
}

bool StateWait::take(const json::object& event) {
  auto* data = event.if_contains("data");
  if (!data || !data->is_object()) return false;
  auto id = text_of(data->get_object(), "id");
  if (!waiting_.contains(id)) return false;
  auto state = text_of(data->get_object(), "state");
  note(id, state);
  return !state.empty() || data->get_object().contains("step");
}

void StateWait::note(const std::string& id, const std::string& state) {
  if (state == "ERROR" && wanted_ != "ERROR")
    has_failed_ = true;
  else if (state != wanted_)
    return;
  waiting_.erase(id);
}

}  // namespace muster::cli
