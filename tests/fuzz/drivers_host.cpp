// What hosts, ssh-agent and known_hosts say. The first byte chooses who speaks; "@" stands for the
// marker of a run, which nobody can guess.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clean_text.h"
#include "drivers/physical/servers.h"
#include "drivers/shell.h"
#include "drivers/ssh/agent.h"
#include "drivers/ssh/host_keys.h"
#include "drivers/ssh/wire.h"

using namespace muster::drivers;

namespace {

void shell_says(const std::string& bytes) {
  Command command;
  command.script = "true";
  command.secrets.emplace("COOKIE", muster::Secret("ab"));
  command.output_limit = 256;
  auto run = ShellRun::prepare(std::move(command));
  const auto token = run->text().substr(run->text().find("muster-"), 39);
  std::string printed;
  for (char c : bytes) {
    if (c == '@')
      printed += token;
    else
      printed += c;
  }
  run->feed(std::string_view(printed).substr(0, printed.size() / 2));
  run->feed(std::string_view(printed).substr(printed.size() / 2));
  if (auto result = run->finish({}); result && result->output.find("ab") != std::string::npos)
    __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0]) {
    case 's':
      shell_says(bytes);
      break;
    case 'i':
      (void)ssh::parse_identities(bytes);
      break;
    case 'g':
      (void)ssh::parse_signature(bytes);
      break;
    case 'k':
      ssh::HostKeyTable::parse(bytes).judge("h", 22, {"ssh-ed25519", bytes});
      break;
    case 'b':
      if (auto raw = ssh::from_base64(bytes);
          raw && ssh::from_base64(ssh::to_base64(*raw)) != raw && !raw->empty())
        __builtin_trap();
      break;
    case 'h':
      (void)parse_server(bytes);
      break;
    default:
      if (auto text = last_lines(bytes, 100);
          text.size() > 100 || !muster::is_printable(text, muster::Lines::kept))
        __builtin_trap();
  }
  return 0;
}
