#include "erl.h"

#include <map>
#include <stdexcept>

#include "ports.h"

namespace muster::test {
namespace {

/// Reads `Number Base64` lines and answers each with a line `=Number= Value`. The expressions run
/// with the variables bound so far; a line break inside a value cannot occur, since ~0tp escapes
/// it.
constexpr auto evaluator = R"erl(
  io:setopts([{encoding, unicode}]),
  Answer = fun(Number, Format, Values) ->
    io:format("~n=~s= " ++ Format ++ "~n", [Number | Values])
  end,
  Loop = fun Loop(Bound) ->
    case io:get_line("") of
      Line when is_list(Line) ->
        [Number, Encoded] = string:lexemes(Line, " \n"),
        Text = unicode:characters_to_list(base64:decode(Encoded)),
        Now = try
          {ok, Tokens, _} = erl_scan:string(Text ++ "\n."),
          {ok, Expressions} = erl_parse:parse_exprs(Tokens),
          {value, Value, Later} = erl_eval:exprs(Expressions, Bound),
          Answer(Number, "~0tp", [Value]),
          Later
        catch Class:Reason ->
          Answer(Number, "~0tp:~0tp", [Class, Reason]),
          Bound
        end,
        Loop(Now);
      _ -> halt(0)
    end
  end,
  Loop([]).
)erl";

std::string base64(const std::string& text) {
  static constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  for (std::size_t at = 0; at < text.size(); at += 3) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      result += at + i <= text.size() ? digits[bits >> (18 - 6 * i) & 63] : '=';
    }
  }
  return result;
}

std::string suite_of(int release) {
  switch (release) {
    case 23:
      return "bullseye";
    case 27:
      return "trixie";
    case 29:
      return "forky";
    default:
      throw std::runtime_error("no suite has OTP " + std::to_string(release));
  }
}

Otp find_in_suite(int release) {
  TempDir dir;
  Command command;
  command.argv = {MUSTER_SOURCE_DIR "/tests/otp/root", suite_of(release)};
  command.output = dir / "output";
  Process process(command);
  const auto status = process.wait(std::chrono::minutes(5));
  const auto output = process.output();
  const auto line = output.substr(0, output.find_last_not_of('\n') + 1);
  const auto last = line.substr(line.find_last_of('\n') + 1);
  if (status == 0) return {release, last, ""};
  return {release, {}, last.empty() ? "tests/otp/root says nothing" : last};
}

std::filesystem::path directory_in(const Otp& otp) {
  return otp.root.empty() ? std::filesystem::temp_directory_path() : otp.root / "tmp";
}

}  // namespace

Otp host_otp() {
  static const Otp host{std::stoi(run({"erl", "-noshell", "-boot", "no_dot_erlang", "-eval",
                                       "io:put_chars(erlang:system_info(otp_release)), halt()."})),
                        {},
                        ""};
  return host;
}

Otp otp(int release) {
  static std::map<int, Otp> known;
  if (release == host_otp().release) return host_otp();
  if (!known.contains(release)) known[release] = find_in_suite(release);
  return known[release];
}

ErlOptions named(const std::string& name, std::vector<std::string> args) {
  ErlOptions options;
  options.name = name;
  options.args = std::move(args);
  return options;
}

ErlNode::ErlNode(const Epmd& epmd, ErlOptions options)
    : options_(std::move(options)), dir_(directory_in(options_.otp)) {
  write_file(dir_ / ".erlang.cookie", options_.cookie, 0400);
  std::string code = evaluator;
  for (auto& c : code) c = c == '\n' ? ' ' : c;

  Command command;
  command.argv = options_.through;
  if (!options_.otp.root.empty())
    command.argv.insert(command.argv.end(), {"chroot", options_.otp.root.string()});
  command.argv.insert(command.argv.end(), {"erl", "-noshell", "-boot", options_.boot, "+sbwt",
                                           "none", "+sbwtdcpu", "none", "+sbwtdio", "none"});
  if (!options_.name.empty()) {
    const auto at = options_.name.find('@');
    const bool is_long =
        at != std::string::npos && options_.name.find('.', at) != std::string::npos;
    command.argv.insert(command.argv.end(),
                        {is_long ? "-name" : "-sname", options_.name, "-start_epmd", "false"});
  }
  if (options_.tls != nullptr) {
    const auto tls = tls_arguments();
    command.argv.insert(command.argv.end(), tls.begin(), tls.end());
  }
  if (options_.hidden) command.argv.push_back("-hidden");
  command.argv.insert(command.argv.end(), options_.args.begin(), options_.args.end());
  command.argv.insert(command.argv.end(), {"-eval", code});
  command.env = {{"HOME", home_inside().string()},
                 {"ERL_EPMD_PORT", epmd.port_text()},
                 {"ERL_CRASH_DUMP", "/dev/null"},
                 {"LC_ALL", "C.UTF-8"},
                 {"ERL_FLAGS", ""},
                 {"ERL_AFLAGS", ""},
                 {"ERL_ZFLAGS", ""}};
  command.env.insert(options_.env.begin(), options_.env.end());
  command.output = dir_ / "output";
  command.with_input = true;
  process_ = std::make_unique<Process>(std::move(command));
  name_ = eval("node()", std::chrono::seconds(30));
  if (name_.size() > 2 && name_.front() == '\'') name_ = name_.substr(1, name_.size() - 2);
}

std::filesystem::path ErlNode::home() const {
  return dir_.path();
}

std::filesystem::path ErlNode::home_inside() const {
  return options_.otp.root.empty() ? dir_.path()
                                   : "/" / dir_.path().lexically_relative(options_.otp.root);
}

std::vector<std::string> ErlNode::tls_arguments() const {
  const auto identity = options_.tls->issue(options_.name.substr(options_.name.find('@') + 1));
  write_file(dir_ / "ca.pem", read_file(options_.tls->certificate()));
  write_file(dir_ / "cert.pem", read_file(identity.certificate));
  write_file(dir_ / "key.pem", read_file(identity.key), 0400);
  const auto file = [this](const std::string& name) {
    return "\"" + (home_inside() / name).string() + "\"";
  };
  const auto common = "{certfile," + file("cert.pem") + "},{keyfile," + file("key.pem") +
                      "},{cacertfile," + file("ca.pem") + "},{verify,verify_peer}";
  write_file(dir_ / "tls.conf", "[{server,[" + common + ",{fail_if_no_peer_cert,true}]},{client,[" +
                                    common + "]}].\n");
  return {"-proto_dist", "inet_tls", "-ssl_dist_optfile", home_inside() / "tls.conf"};
}

std::string ErlNode::eval(const std::string& expressions, Limit limit) {
  const auto last = expressions.find_last_not_of(". \n\t");
  const auto number = std::to_string(++evaluated_);
  process_->write(number + " " + base64(expressions.substr(0, last + 1)) + "\n");
  const auto marker = "\n=" + number + "= ";
  std::string value;
  const bool answered = eventually(
      [&] {
        const bool ended = !process_->is_running();
        const auto output = printed();
        const auto begin = output.find(marker);
        const auto end =
            begin == output.npos ? output.npos : output.find('\n', begin + marker.size());
        if (end != output.npos) {
          value = output.substr(begin + marker.size(), end - begin - marker.size());
          return true;
        }
        if (ended) throw std::runtime_error("erl ended at " + expressions + ": " + output);
        return false;
      },
      limit);
  if (!answered)
    throw std::runtime_error("no answer to " + expressions + " from erl: " + printed());
  return value;
}

int asleep(ErlNode& node) {
  return std::stoi(
      node.eval("length([P || P <- processes(), process_info(P, current_function) =:= "
                "{current_function, {timer, sleep, 1}}])"));
}

}  // namespace muster::test
