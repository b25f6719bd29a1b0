#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster::alarms {

/// Names kept once, by number, for as long as somebody uses them. Plain code. Bounded: beyond
/// 200,000 names new ones have no number.
class NameTable {
 public:
  using Number = std::uint32_t;
  static constexpr std::size_t most = 200'000;

  /// Counts as one use, which let_go() ends.
  std::optional<Number> use(const std::string& name);
  void let_go(Number number);
  /// Empty for one that nobody uses.
  const std::string& name(Number number) const { return names_[number].text; }
  std::size_t size() const { return numbers_.size(); }

  /// While there is one, a number that is let go is not given to another name.
  class Hold {
   public:
    explicit Hold(NameTable& table) : table_(table) { ++table_.holds_; }
    Hold(const Hold&) = delete;
    ~Hold();

   private:
    NameTable& table_;
  };

 private:
  struct Name {
    std::string text;
    std::uint32_t uses = 0;
  };
  std::unordered_map<std::string, Number> numbers_;
  std::vector<Name> names_;
  std::vector<Number> free_, held_;  ///< that nobody uses
  int holds_ = 0;
};

}  // namespace muster::alarms
