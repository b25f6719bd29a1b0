#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "answers.h"
#include "etf/term.h"

namespace muster::farm {

/// What a lying node says and does once its handshake is done, ten times a second: which lie
/// follows from its number. Plain data; its Peer carries it out.
class Liar {
 public:
  enum class Lie {
    mute,      ///< takes the connection and never says a byte
    boaster,   ///< describes itself in bytes that are no text, and names 3,010 neighbours
    flapper,   ///< hangs up a moment after it was asked who it is, with a new boot script each time
    usurper,   ///< calls the daemon's operations and floods it with requests for help
    inventor,  ///< sends metrics of thousands of invented names
    shouter,   ///< floods with log entries and alarms
    hoarder,   ///< announces the largest frame and sends it for ever
    deaf,      ///< asks and never reads
  };
  static constexpr unsigned kinds = 8;

  explicit Liar(NodeId node) : node_(node), lie_(static_cast<Lie>(node.number % kinds)) {}

  Lie lie() const { return lie_; }
  bool reads() const { return lie_ != Lie::deaf || round_ < 3; }

  /// Its answer to this call, in place of the truth.
  std::optional<etf::Term> answer(const std::string& module, const std::string& function,
                                  const std::vector<etf::Term>& arguments);
  /// The daemon's process that agents report to.
  void leased(const std::string& agent, etf::Term daemon, etf::Term self);

  /// A message on the wire: its control part, and the payload where it has one.
  struct Message {
    etf::Term control;
    std::optional<etf::Term> payload;
  };
  struct Turn {
    bool hangs_up = false;
    std::vector<Message> messages;
    std::string raw;  ///< bytes as they are
  };
  Turn act();

 private:
  etf::Term pid(std::uint32_t number) const;
  etf::Term fresh_ref();
  std::optional<etf::Term> several(const std::vector<etf::Term>& arguments);
  Message call(const std::string& service, etf::Term request);
  Message spawn(const std::string& module, const std::string& function,
                std::vector<etf::Term> arguments);
  Message report(const std::string& agent, etf::Map body) const;

  NodeId node_;
  Lie lie_;
  std::uint64_t round_ = 0;
  std::uint32_t refs_ = 0;
  bool was_asked_ = false;
  struct Agent {
    std::string name;
    etf::Term daemon, self;
  };
  std::vector<Agent> agents_;
};

}  // namespace muster::farm
