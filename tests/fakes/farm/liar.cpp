#include "liar.h"

#include <algorithm>

namespace muster::farm {
namespace {

using etf::atom;
using etf::Term;

constexpr std::uint32_t creation_of_liars = 4711;

etf::Map map(std::vector<std::pair<Term, Term>> pairs) {
  etf::Map map;
  map.pairs = std::move(pairs);
  return map;
}

}  // namespace

Term Liar::pid(std::uint32_t number) const {
  return etf::Pid{{node_.name()}, number, 0, creation_of_liars};
}

Term Liar::fresh_ref() {
  return etf::Reference{{node_.name()}, creation_of_liars, 3, {++refs_, 0, 1}};
}

std::optional<Term> Liar::answer(const std::string& module, const std::string& function,
                                 const std::vector<Term>& arguments) {
  was_asked_ = true;
  if (module == "lists" && function == "zipwith3") return several(arguments);
  const auto fresh = std::to_string(node_.number) + "." + std::to_string(round_);
  if (module == "init" && function == "script_id" &&
      (lie_ == Lie::boaster || lie_ == Lie::flapper)) {
    auto name = lie_ == Lie::boaster ? std::string("\xff\xfe\x9b\n31m") : "lie " + fresh;
    return etf::tuple(etf::binary(name), etf::binary(fresh));
  }
  if (lie_ == Lie::boaster && module == "erlang" && function == "nodes") {
    std::vector<Term> ghosts{atom("no\x1b[31mname"), atom("@")};
    for (int i = 0; i < 3010; ++i)
      ghosts.push_back(atom("ghost" + std::to_string(i) + "@127.0.0.1"));
    return Term(etf::List{std::move(ghosts), nullptr});
  }
  if (lie_ == Lie::boaster && module == "init" && function == "get_arguments") return Term();
  if (lie_ == Lie::boaster && module == "erlang" && function == "system_info" &&
      !arguments.empty() && arguments[0].is_atom("otp_release"))
    return etf::binary(std::string(1 << 20, 'x') +
                       "\n2026-01-01T00:00:00.000 error forged\x1b[31m");
  return std::nullopt;
}

/// Several calls in one, as the daemon asks: each a lie, or the truth.
std::optional<Term> Liar::several(const std::vector<Term>& arguments) {
  std::vector<Term> modules, functions, lists, inner;
  if (arguments.size() != 4 || !arguments[1].proper_list(modules) ||
      !arguments[2].proper_list(functions) || !arguments[3].proper_list(lists))
    return std::nullopt;
  etf::List answers;
  for (std::size_t i = 0; i < std::min({modules.size(), functions.size(), lists.size()}); ++i) {
    std::string module, function;
    if (!modules[i].text(module) || !functions[i].text(function) || !lists[i].proper_list(inner))
      return std::nullopt;
    auto said = answer(module, function, inner);
    if (!said) {
      auto truth = farm::call(node_, module, function, inner);
      if (truth.size() != 2 || !truth[0].is_atom("return")) return std::nullopt;
      said = truth[1];
    }
    answers.elements.push_back(*said);
  }
  return Term(std::move(answers));
}

void Liar::leased(const std::string& agent, Term daemon, Term self) {
  agents_.push_back({agent, std::move(daemon), std::move(self)});
  if (agents_.size() > 16) agents_.erase(agents_.begin());
}

/// REG_SEND of a gen_server's call.
Liar::Message Liar::call(const std::string& service, Term request) {
  auto from = etf::tuple(pid(7), fresh_ref());
  return {etf::tuple(6, pid(7), atom(""), atom(service)),
          etf::tuple(atom("$gen_call"), std::move(from), std::move(request))};
}

/// SPAWN_REQUEST, without monitor.
Liar::Message Liar::spawn(const std::string& module, const std::string& function,
                          std::vector<Term> arguments) {
  auto ref = fresh_ref();
  auto arity = static_cast<std::int64_t>(arguments.size());
  return {etf::tuple(29, ref, pid(7), pid(8), etf::tuple(atom(module), atom(function), arity),
                     etf::list(atom("monitor"))),
          Term(etf::List{std::move(arguments), nullptr})};
}

Liar::Message Liar::report(const std::string& agent, etf::Map body) const {
  for (auto& known : agents_)
    if (known.name == agent)
      return {etf::tuple(22, known.self, known.daemon),
              etf::tuple(atom("muster_agent"), atom(agent), known.self, std::move(body))};
  return {etf::tuple(6, pid(7), atom(""), atom("muster")), atom("nobody_asked")};
}

Liar::Turn Liar::act() {
  ++round_;
  Turn turn;
  switch (lie_) {
    case Lie::mute:
    case Lie::boaster:
      break;
    case Lie::flapper:
      turn.hangs_up = was_asked_;
      break;
    case Lie::usurper: {
      auto token = map({{atom("name"), etf::binary("evil" + std::to_string(refs_))},
                        {atom("role"), atom("admin")}});
      turn.messages.push_back(call("muster", etf::tuple(atom("add_token"), token)));
      turn.messages.push_back(spawn("muster", "add_token", {Term(token)}));
      turn.messages.push_back(call(
          "rex", etf::tuple(atom("call"), atom("topology"), atom("list_nodes"), Term(), pid(8))));
      for (int i = 0; i < 200; ++i) turn.messages.push_back(spawn("muster", "help", {}));
      break;
    }
    case Lie::inventor: {
      if (round_ % 10 != 0) break;
      std::vector<Term> metrics;
      for (unsigned i = 0; i < 4900; ++i)
        metrics.push_back(etf::tuple(atom("folsom"),
                                     etf::binary("invented_" + std::to_string(node_.number) + "_" +
                                                 std::to_string(round_ * 4900 + i)),
                                     atom("counter"), std::int64_t{i}));
      auto values = map({{atom("user"), Term(etf::List{std::move(metrics), nullptr})}});
      turn.messages.push_back(report("metrics", map({{atom("values"), std::move(values)}})));
      break;
    }
    case Lie::shouter: {
      std::vector<Term> entries;
      for (int i = 0; i < 500; ++i)
        entries.push_back(map({{atom("severity"), atom("critical")},
                               {atom("source"), atom("logger")},
                               {atom("text"), etf::binary("a lie \xc2\x9b[31m \xff")}}));
      turn.messages.push_back(report(
          "notifications", map({{atom("entries"), Term(etf::List{std::move(entries), nullptr})}})));
      std::vector<Term> raised;
      for (int i = 0; i < 50; ++i)
        raised.push_back(map({{atom("id"), etf::binary("lie" + std::to_string(++refs_))},
                              {atom("source"), atom("sasl")}}));
      turn.messages.push_back(
          report("alarms", map({{atom("raised"), Term(etf::List{std::move(raised), nullptr})}})));
      break;
    }
    case Lie::hoarder:
      if (round_ == 1) turn.raw = std::string("\x07\xff\xff\xff", 4) + "\x70\x83";
      turn.raw.append(1 << 20, 'h');
      break;
    case Lie::deaf:
      for (int i = 0; i < 50; ++i)
        turn.messages.push_back(call("muster", etf::tuple(atom("openapi"), map({}))));
      break;
  }
  return turn;
}

}  // namespace muster::farm
