#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ops/operation.h"

namespace muster::ops {

/// All operations of the daemon: what every door serves and what help and OpenAPI are made of.
/// Filled once by app before the doors open, then only read.
class Table {
 public:
  Table() = default;
  Table(const Table&) = delete;

  /// Throws std::logic_error where the name or the path is taken, or a path parameter or body
  /// member, or one that names its subject, is no member of the request: a bug.
  void add(Operation operation);
  void add(std::vector<Operation> operations);

  /// Who hears of changes and refusals, of all rows and of the doors themselves.
  void set_audit(Audit audit) { guards_.audit = std::move(audit); }
  void note(Attempt attempt) const {
    if (guards_.audit) guards_.audit(std::move(attempt));
  }
  /// Who knows which family something is of; without it bound callers may call nothing of theirs.
  void set_families(FamilyLookup families) { guards_.families = std::move(families); }
  const FamilyLookup& families() const { return guards_.families; }

  const Operation* find(std::string_view service, std::string_view name) const;
  const std::deque<Operation>& all() const { return operations_; }
  std::vector<std::string> services() const;
  std::vector<const Operation*> of(std::string_view service) const;

  struct Match {
    const Operation* operation;
    std::vector<std::pair<std::string, std::string>> parameters;  ///< decoded
  };
  struct WrongVerb {
    std::vector<std::string> allowed;
  };
  struct NoPath {};
  using Route = std::variant<NoPath, WrongVerb, Match>;
  /// `path` without query, still percent-encoded.
  Route route(std::string_view verb, std::string_view path) const;

 private:
  struct Pattern {
    std::vector<std::string> segments;
    const Operation* operation;
  };
  Guards guards_;
  std::deque<Operation> operations_;
  std::map<std::string, std::map<std::string, const Operation*, std::less<>>, std::less<>> by_name_;
  std::vector<Pattern> patterns_;
};

/// One argument of an operation, for people.
struct HelpArgument {
  std::string name, type;
  bool required = false;
  std::string doc;
};
BOOST_DESCRIBE_STRUCT(HelpArgument, (), (name, type, required, doc))

/// One operation, for people and for the command line.
struct Help {
  std::string operation, doc, verb, path;
  Role role = Role::admin;
  bool upload = false;  ///< takes bytes beside its arguments
  std::vector<HelpArgument> arguments;
};
BOOST_DESCRIBE_STRUCT(Help, (), (operation, doc, verb, path, role, upload, arguments))

Help help_of(const Operation& operation);
std::vector<Help> help(const Table& table);

}  // namespace muster::ops
