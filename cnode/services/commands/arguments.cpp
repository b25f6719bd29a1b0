#include "services/commands/arguments.h"

namespace muster::commands {

using etf::Term;

namespace {

class Reader {
 public:
  explicit Reader(std::set<std::string>& atoms) : atoms_(atoms) {}

  Result<Term> read(const Term& term) {
    if (auto* list = term.get_if<etf::List>()) return read_list(*list);
    if (auto* tuple = term.get_if<etf::Tuple>()) {
      TRY(auto elements, read_all(tuple->elements));
      return Term(etf::Tuple{std::move(elements)});
    }
    if (auto* map = term.get_if<etf::Map>()) return read_map(*map);
    return term;
  }

 private:
  Result<std::vector<Term>> read_all(const std::vector<Term>& terms) {
    std::vector<Term> out;
    out.reserve(terms.size());
    for (auto& term : terms) {
      TRY(auto value, read(term));
      out.push_back(std::move(value));
    }
    return out;
  }

  Result<Term> read_list(const etf::List& list) {
    TRY(auto elements, read_all(list.elements));
    return Term(etf::List{std::move(elements), list.tail});
  }

  Result<Term> read_map(const etf::Map& map) {
    std::string key;
    if (map.pairs.size() == 1 && map.pairs[0].first.is<etf::Binary>() &&
        map.pairs[0].first.text(key) && key.starts_with('$'))
      return read_special(key, map.pairs[0].second);
    etf::Map out;
    for (auto& [name, value] : map.pairs) {
      TRY(auto read_name, read(name));
      TRY(auto read_value, read(value));
      out.pairs.emplace_back(std::move(read_name), std::move(read_value));
    }
    return Term(std::move(out));
  }

  Result<Term> read_special(const std::string& key, const Term& value) {
    std::string text;
    std::vector<Term> elements;
    if (key == "$atom" && value.text(text) && text.size() <= 255) {
      atoms_.insert(text);
      return etf::atom(text);
    }
    if (key == "$tuple" && value.proper_list(elements)) {
      TRY(auto read_elements, read_all(elements));
      return Term(etf::Tuple{std::move(read_elements)});
    }
    if (key == "$string" && value.text(text) && text.size() < 65536)
      return text.empty() ? Term() : Term(etf::CharList{text});
    return Error(Errc::bad_request,
                 "'" + key + "' wants an atom's name, a list, or text: $atom, $tuple, $string",
                 "/args");
  }

  std::set<std::string>& atoms_;
};

}  // namespace

Result<std::vector<Term>> read_arguments(const Term& args, std::set<std::string>& atoms) {
  std::vector<Term> elements;
  if (!args.proper_list(elements))
    return Error(Errc::bad_request, "a list of arguments wanted", "/args");
  Reader reader(atoms);
  TRY(auto list, reader.read(etf::List{std::move(elements), nullptr}));
  return std::move(list.get_if<etf::List>()->elements);
}

}  // namespace muster::commands
