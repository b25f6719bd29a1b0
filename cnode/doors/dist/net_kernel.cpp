#include "doors/dist/net_kernel.h"

namespace muster::doors::dist {

using muster::dist::GenMessage;

void NetKernel::on_message(const muster::dist::Message& message) {
  auto request = GenMessage::read(message);
  if (!request || request->kind != GenMessage::Kind::call) return;
  auto* asked = request->body.tuple(2);
  bool is_ping = asked && (*asked)[0].is_atom("is_auth");
  request->caller.reply(is_ping ? etf::atom("yes")
                                : etf::tuple(etf::atom("error"), etf::atom("badarg")));
}

}  // namespace muster::doors::dist
