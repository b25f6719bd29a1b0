#include "dist/builtin.h"

#include "base/log.h"
#include "dist/gen.h"
#include "dist/link.h"

namespace muster::dist {
namespace {

etf::Term result_of(const etf::Term& request, const std::string& peer) {
  auto failed = etf::tuple(etf::atom("error"), etf::atom("enotsup"));
  auto* tuple = request.get_if<etf::Tuple>();
  if (!tuple || tuple->elements.empty()) return failed;
  auto& e = tuple->elements;
  if (e[0].is_atom("put_chars")) {
    std::string text;
    if (e.back().text(text)) log::debug("{} prints: {}", peer, text);
    return etf::atom("ok");
  }
  std::vector<etf::Term> requests;
  if (e[0].is_atom("requests") && e.size() == 2 && e[1].proper_list(requests)) {
    etf::Term last = etf::atom("ok");
    for (auto& one : requests) {
      auto* nested = one.get_if<etf::Tuple>();
      bool is_nested =
          nested && !nested->elements.empty() && nested->elements[0].is_atom("requests");
      last = is_nested ? failed : result_of(one, peer);
      if (!last.is_atom("ok")) break;
    }
    return last;
  }
  return failed;
}

}  // namespace

void NetKernel::on_message(const Message& message) {
  auto request = GenMessage::read(message);
  if (!request || request->kind != GenMessage::Kind::call) return;
  auto* asked = request->body.tuple(2);
  bool is_ping = asked && (*asked)[0].is_atom("is_auth");
  request->caller.reply(is_ping ? etf::atom("yes")
                                : etf::tuple(etf::atom("error"), etf::atom("badarg")));
}

void GroupLeader::on_message(const Message& message) {
  auto term = message.decode();
  if (!term) return;
  auto* request = term->tuple(4);
  if (!request || !(*request)[0].is_atom("io_request")) return;
  auto* from = (*request)[1].get_if<etf::Pid>();
  if (!from) return;
  auto answer = etf::tuple(etf::atom("io_reply"), (*request)[2],
                           result_of((*request)[3], message.link.peer()));
  message.link.send(*from, answer, pid());
}

}  // namespace muster::dist
