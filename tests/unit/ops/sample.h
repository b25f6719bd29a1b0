#pragma once

#include "ops/operation.h"
#include "tests/unit/support/loop.h"

/// Structs that use every type a request or reply may be made of.
namespace muster::sample {

namespace json = boost::json;

enum class Colour { red, new_ };
BOOST_DESCRIBE_ENUM(Colour, red, new_)
enum class State { up, down };
BOOST_DESCRIBE_ENUM(State, up, down)

struct Inner {
  std::string text;
  std::optional<std::int32_t> number;
  static constexpr ops::Alias aliases[] = {{"provider_id", "text"}};
};
BOOST_DESCRIBE_STRUCT(Inner, (), (text, number))

struct Everything {
  std::string text;
  std::uint16_t port = 0;
  std::int64_t big = 0;
  double real = 0;
  bool flag = true;
  Colour colour = Colour::red;
  State state = State::up;
  Timestamp at;
  ops::NodeName node;
  Inner inner;
  std::vector<Inner> list;
  std::vector<std::string> names = {"initial"};
  std::map<std::string, std::int64_t> map;
  std::optional<std::string> maybe;
  json::value free;
  etf::Term term;
};
BOOST_DESCRIBE_STRUCT(Everything, (),
                      (text, port, big, real, flag, colour, state, at, node, inner, list, names,
                       map, maybe, free, term))

struct Login {
  std::string user;
  Secret password;
  static constexpr ops::Alias aliases[] = {{"username", "user"}};
  static constexpr ops::Doc docs[] = {{"user", "who it is"}};
};
BOOST_DESCRIBE_STRUCT(Login, (), (user, password))

struct Upload {
  std::string name;
  ops::Blob release;
};
BOOST_DESCRIBE_STRUCT(Upload, (), (name, release))

struct ById {
  std::string id;
  bool force = false;
};
BOOST_DESCRIBE_STRUCT(ById, (), (id, force))

struct Rules {
  std::string family;
  std::vector<Inner> rules;
};
BOOST_DESCRIBE_STRUCT(Rules, (), (family, rules))

struct Done {
  std::string said;
};
BOOST_DESCRIBE_STRUCT(Done, (), (said))

/// Bootstrap's form: random | {node, Id}; {"node": id}.
struct Selection {
  bool is_random = false;
  std::string node;
};

/// A node that contains nodes.
struct Tree {
  std::string name;
  std::vector<Tree> children;
};
BOOST_DESCRIBE_STRUCT(Tree, (), (name, children))

/// Runs a task to its end.
template <class T>
Result<T> finish(Task<T> task) {
  asio::io_context io;
  return test::finish(io, std::move(task));
}

}  // namespace muster::sample

namespace muster::ops {

template <>
inline constexpr bool upper_case<sample::State> = true;

template <>
struct Convert<sample::Selection> {
  static Result<sample::Selection> read(const Input& in) {
    if (in.is_text()) {
      TRY(auto text, in.text());
      if (text == "random") return sample::Selection{true, {}};
    } else if (auto* term = in.term(); term && term->tuple(2)) {
      etf::Term node = (*term->tuple(2))[1];
      TRY(auto text, Input(node).text());
      return sample::Selection{false, std::move(text)};
    } else if (auto fields = in.fields(); fields && fields->size() == 1) {
      TRY(auto text, (*fields)[0].second.text());
      return sample::Selection{false, std::move(text)};
    }
    return in.wanted("random or {node, Id}");
  }
  static json::value to_json(const sample::Selection& s) {
    if (s.is_random) return "random";
    return json::object{{"node", s.node}};
  }
  static etf::Term to_term(const sample::Selection& s) {
    if (s.is_random) return etf::atom("random");
    return etf::tuple(etf::atom("node"), etf::binary(s.node));
  }
  static json::object schema() { return {}; }
};

}  // namespace muster::ops
