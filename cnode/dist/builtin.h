#pragma once

#include "dist/process.h"

namespace muster::dist {

/// Registered as net_kernel: answers net_adm:ping.
class NetKernel final : public Process {
 public:
  void on_message(const Message& message) override;
  bool on_guest_message(const Message& message) override { return on_message(message), true; }
};

/// The group leader of what we spawn on peers: their processes monitor it and wait for an answer to
/// whatever they print, so it lives as long as the node and answers everything. Output goes to the
/// log at debug level; there is nothing to read from.
/// https://www.erlang.org/doc/apps/stdlib/io_protocol.html
class GroupLeader final : public Process {
 public:
  void on_message(const Message& message) override;
  bool on_guest_message(const Message& message) override { return on_message(message), true; }
};

/// In whose name our calls go out; answers to them never come here, see Link.
class AnonymousCaller final : public Process {
 public:
  void on_message(const Message&) override {}
};

}  // namespace muster::dist
