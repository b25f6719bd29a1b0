#include "services/commands/arguments.h"

namespace muster::commands {

using etf::Term;
using ops::json::value;

namespace {

constexpr std::size_t longest_atom = 255, longest_string = 65535, most_atoms = 1000;

class Reader {
 public:
  explicit Reader(std::set<std::string>& atoms) : atoms_(atoms) {}

  Result<Term> read(const value& from) {
    if (auto* array = from.if_array()) {
      TRY(auto elements, read_all(*array));
      return Term(etf::List{std::move(elements), nullptr});
    }
    auto* object = from.if_object();
    if (!object) return ops::term_of(from);
    if (object->size() == 1 && object->begin()->key().starts_with('$'))
      return read_special(object->begin()->key(), object->begin()->value());
    etf::Map map;
    for (auto& member : *object) {
      TRY(auto term, read(member.value()));
      map.pairs.emplace_back(etf::binary(member.key()), std::move(term));
    }
    return Term(std::move(map));
  }

  Result<std::vector<Term>> read_all(const ops::json::array& values) {
    std::vector<Term> terms;
    terms.reserve(values.size());
    for (auto& each : values) {
      TRY(auto term, read(each));
      terms.push_back(std::move(term));
    }
    return terms;
  }

 private:
  Result<Term> read_special(std::string_view key, const value& from) {
    if (auto* text = from.if_string()) {
      if (key == "$atom" && text->size() <= longest_atom) {
        atoms_.emplace(*text);
        if (atoms_.size() > most_atoms)
          return Error(Errc::too_large, fmt::format("at most {} different atoms", most_atoms));
        return etf::atom(*text);
      }
      if (key == "$string" && text->size() <= longest_string)
        return text->empty() ? Term() : Term(etf::CharList{std::string(*text)});
    }
    if (auto* array = from.if_array(); array && key == "$tuple") {
      TRY(auto elements, read_all(*array));
      return Term(etf::Tuple{std::move(elements)});
    }
    return Error(
        Errc::bad_request,
        fmt::format("'{}' wants an atom's name, a list, or text: $atom, $tuple, $string", key));
  }

  std::set<std::string>& atoms_;
};

}  // namespace
}  // namespace muster::commands

namespace muster::ops {

using commands::Arguments;

Result<Arguments> Convert<Arguments>::read(const Input& from) {
  Arguments arguments;
  if (auto* value = from.json()) {
    auto* array = value->if_array();
    if (!array) return from.wanted("a list of arguments");
    commands::Reader reader(arguments.atoms);
    TRY(arguments.terms, reader.read_all(*array));
  } else if (auto* term = from.term(); !term || !term->proper_list(arguments.terms)) {
    return from.wanted("a list of arguments");
  }
  return arguments;
}

json::value Convert<Arguments>::to_json(const Arguments& arguments) {
  return json_of(to_term(arguments));
}

etf::Term Convert<Arguments>::to_term(const Arguments& arguments) {
  return etf::List{arguments.terms, nullptr};
}

json::object Convert<Arguments>::schema() {
  return {{"type", "array"}, {"items", json::object()}};
}

}  // namespace muster::ops
