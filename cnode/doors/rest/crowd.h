#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>

namespace muster::doors::rest {

/// Whose connections there are, and whose goes when there are too many: the greediest's, the one
/// that has been idle for the longest. Connections belong to an address until they show a token.
/// Plain decisions, no I/O; owned by the Server, lives on the loop.
class Crowd {
 public:
  struct Bounds {
    std::size_t all = 1000;
    std::size_t per_token = 100;
    std::size_t per_address = 500;  ///< of those that have shown no token
  };
  /// A connection as the crowd sees it.
  class Member {
   public:
    virtual ~Member() = default;
    enum class State { busy, listening, idle };  ///< listening: a WebSocket
    virtual State state() const = 0;
    /// Ends it, soon: not from within the call.
    virtual void close() = 0;
  };

  explicit Crowd(Bounds bounds) : bounds_(bounds) {}

  /// For a new connection from there. False: there is no room, and nobody to go.
  bool make_room_for(const std::string& address);
  void enter(Member& member, const std::string& address) { put(member, address, false); }
  /// It has shown whose it is. False: this caller has as many as it may, all of them busy.
  bool move_to(Member& member, const std::string& caller);
  void leave(Member& member);
  std::size_t size() const { return places_.size(); }

 private:
  struct Group {
    bool is_token;
    std::list<Member*> members;  ///< the oldest first
  };
  using Groups = std::unordered_map<std::string, Group>;
  struct Place {
    Groups::iterator group;
    std::list<Member*>::iterator at;
  };

  /// The one of this group that may go; null: all of them have work to do.
  static Member* dispensable(const Group& group);
  bool make_room();
  bool make_room_in(Group& group);
  void put(Member& member, const std::string& name, bool is_token);
  /// It is gone for us: its connection ends by itself.
  void send_away(Member& member);

  Bounds bounds_;
  Groups groups_;
  std::unordered_map<Member*, Place> places_;
};

}  // namespace muster::doors::rest
