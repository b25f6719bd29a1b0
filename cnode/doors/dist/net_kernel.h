#pragma once

#include "dist/node.h"

namespace muster::doors::dist {

/// What net_adm:ping asks: gen_server:call({net_kernel, Node}, {is_auth, From}) is answered `yes`.
class NetKernel final : public muster::dist::Process {
 public:
  void on_message(const muster::dist::Message& message) override;
};

}  // namespace muster::doors::dist
