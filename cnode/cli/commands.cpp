#include "cli/commands.h"

#include <curl/curl.h>

#include <iostream>

#include "base/clean_text.h"
#include "cli/client.h"
#include "cli/follow.h"
#include "cli/render.h"

namespace muster::cli {
namespace {

/// What the subcommands share.
struct Options {
  TargetOptions target;
  std::filesystem::path (*default_data_dir)();
  int* exit_code;
  bool as_json = false;
  bool is_events = false, is_operations = false;
  std::string operation;
  std::vector<std::string> words;
  std::string wanted_state;
  int wait_limit = 900;
  std::vector<std::string> topics;
  std::optional<std::uint64_t> since;
};

/// What came from nodes may be in all that is printed: none of it steers the terminal.
void put(const std::string& text) {
  std::cout << clean_text(text, any_length, Lines::kept);
}

void print(const json::value& value, bool as_json) {
  if (as_json)
    std::cout << escaped_json(json::serialize(value)) << '\n';
  else
    put(render(value));
}

Result<ops::Help> find_operation(Client& client, const std::string& name) {
  TRY(auto document, client.get("/api/help"));
  TRY(auto all, parse_help(std::move(document)));
  for (auto& each : all)
    if (each.operation == name) return std::move(each);
  std::string near;
  auto service = name.substr(0, name.find('.'));
  for (auto& each : all)
    if (each.operation.starts_with(service + '.'))
      near += (near.empty() ? "" : ", ") + each.operation;
  return Error(Errc::not_found,
               "no operation '" + name + "'; " +
                   (near.empty() ? "`muster ops` lists them" : "there are " + near));
}

Result<> show_operations(Client& client, const Options& options) {
  if (!options.operation.empty()) {
    TRY(auto operation, find_operation(client, options.operation));
    if (options.as_json)
      print(ops::to_json(operation), true);
    else
      put(render_operation(operation));
    return {};
  }
  TRY(auto document, client.get("/api/help"));
  if (options.as_json) return print(document, true), Result<>();
  TRY(auto help, parse_help(std::move(document)));
  put(render_operations(help));
  return {};
}

void print_event(const json::object& event, bool as_json) {
  auto text = [&](const char* name) {
    return clean_text(event.at(name).as_string(), any_length) + ' ';
  };
  std::string line;
  if (!as_json) line = text("at") + text("topic");
  auto document = as_json ? json::serialize(event) : json::serialize(event.at("data"));
  std::cout << line << escaped_json(document) << std::endl;
}

/// Asks for the rows that are waited for: some events are lost.
Result<> look_again(Client& client, const Options& options, StateWait& wait) {
  auto service = options.operation.substr(0, options.operation.find('.'));
  TRY(auto get_node, find_operation(client, service + ".get_node"));
  for (auto& id : std::set<std::string>(wait.waiting())) {
    TRY(auto request, build_request(get_node, {"id=" + id}));
    TRY(auto answer, client.send(request));
    auto found = succeeded(answer);
    if (found && answer.json.is_object())
      wait.look(answer.json.get_object());
    else if (!found && found.error().errc() == Errc::not_found)
      wait.gone(id);
    else if (!found)
      return found;
  }
  return {};
}

/// Follows the rows of `answer` until each has the wanted state. Exit code 7 when that fails.
Result<> wait_for_state(Client& client, const Options& options, const json::value& answer,
                        std::uint64_t since) {
  constexpr int wait_failed = 7;
  if (rows_with_state(answer).empty())
    return Error(Errc::bad_request,
                 "--wait: the call was made, but its answer has no node that could come into a "
                 "state: there is nothing to wait for");
  StateWait wait(answer, options.wanted_state);
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options.wait_limit);
  bool is_late = false;
  while (!wait.is_over() && !is_late) {
    // Asked in turns, so that the time limit is looked at when nothing happens.
    TRY(auto reply, client.get(fmt::format("/api/events?since={}&wait=5&topics="
                                           "topology.node_state,orchestration.step",
                                           since)));
    auto seq = reply.at("seq").to_number<std::uint64_t>();
    bool is_complete = reply.at("lost").to_number<std::uint64_t>() == 0 && seq >= since;
    since = seq;
    for (auto& event : reply.at("items").as_array())
      if (wait.take(event.as_object()) && !options.as_json) print_event(event.as_object(), false);
    if (!is_complete) TRYV(look_again(client, options, wait));
    is_late = std::chrono::steady_clock::now() >= end;
  }
  if (!wait.is_over()) std::cerr << "muster: not all are " << options.wanted_state << " in time\n";
  if (!wait.is_over() || wait.has_failed()) *options.exit_code = wait_failed;
  return {};
}

Result<> call(Client& client, const Options& options) {
  TRY(auto operation, find_operation(client, options.operation));
  TRY(auto request, build_request(operation, options.words));
  std::uint64_t since = 0;
  if (!options.wanted_state.empty()) {
    TRY(since, last_event(client));
  }
  TRY(auto answer, client.send(request));
  TRYV(succeeded(answer));
  print(answer.json, options.as_json);
  if (!options.wanted_state.empty()) return wait_for_state(client, options, answer.json, since);
  return {};
}

Result<> show_events(Client& client, const Options& options) {
  std::uint64_t since = 0;
  if (options.since) {
    since = *options.since;
  } else {
    TRY(since, last_event(client));
  }
  return follow_events(client, options.topics, since,
                       [&](const json::object& event) { print_event(event, options.as_json); });
}

Result<> show_openapi(Client& client, const Options& options) {
  if (options.is_operations) {
    TRY(auto table, client.get("/api/help"));
    TRY(auto help, parse_help(std::move(table)));
    put(render_operations_page(help));
    return {};
  }
  TRY(auto document, client.get("/api/openapi.json"));
  if (options.is_events)
    put(render_events(document.as_object()));
  else
    std::cout << escaped_json(pretty(document)) << '\n';
  return {};
}

using Command = Result<> (*)(Client&, const Options&);

void run(Command command, const Options& options) {
  auto result = [&]() -> Result<> {
    TRY(auto target, find_target(options.target, options.default_data_dir()));
    Client client(std::move(target));
    try {
      return command(client, options);
    } catch (const std::exception& e) {
      return Error(Errc::internal, std::string("an answer that is not as expected: ") + e.what());
    }
  }();
  if (result) return;
  auto error = result.error();
  auto text = (error.field.empty() ? "" : error.field + ": ") + error.text();
  std::cerr << "muster: " << clean_text(text, any_length, Lines::kept) << '\n';
  *options.exit_code = exit_code_of(error.errc());
}

CLI::App* add(CLI::App& app, const std::shared_ptr<Options>& options, const char* name,
              const char* doc, Command command) {
  auto* added = app.add_subcommand(name, doc);
  added->add_option("--url", options->target.url, "The daemon's address (MUSTER_URL)");
  added->add_option("--token-file", options->target.token_file,
                    "File with the token (the token itself: MUSTER_TOKEN)");
  added->add_option("--data-dir", options->target.data_dir, "Data directory of a local daemon");
  added->add_option("--ca", options->target.ca, "Certificates to check an HTTPS daemon against");
  added->add_flag("--insecure", options->target.is_insecure,
                  "Send the token to another host by http");
  added->add_flag("--json", options->as_json, "For programs");
  added->callback([options, command] { run(command, *options); });
  return added;
}

}  // namespace

void add_commands(CLI::App& app, int& exit_code, std::filesystem::path (*default_data_dir)()) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  auto options = std::make_shared<Options>();
  options->default_data_dir = default_data_dir;
  options->exit_code = &exit_code;

  auto* ops = add(app, options, "ops", "Lists the operations, or shows one", &show_operations);
  ops->add_option("operation", options->operation, "SERVICE.OPERATION");

  auto* call_command = add(app, options, "call", "Calls an operation", &call);
  call_command->add_option("operation", options->operation, "SERVICE.OPERATION")->required();
  call_command->add_option("arguments", options->words,
                           "key=value, key:=json, key=@file, or @file");
  call_command
      ->add_option("--wait", options->wanted_state,
                   "Follow the rows that are answered until they are in this state")
      ->check(CLI::IsMember({"UP", "DOWN", "STOPPED"}));
  call_command->add_option("--wait-limit", options->wait_limit, "Seconds")->capture_default_str();
  call_command->footer(
      "Exit codes: 0 done, 1 error, 2 bad request, 3 not allowed, 4 not found, 5 conflict,\n"
      "6 timeout or no daemon, 7 --wait failed. `muster ops SERVICE.OPERATION` shows arguments.");

  auto* events = add(app, options, "events", "Prints events as they come", &show_events);
  events->add_option("topics", options->topics, "All when absent: topology, alarms.alarm, …");
  events->add_option("--since", options->since, "Begin after this sequence number");

  auto* openapi = add(app, options, "openapi", "Prints the OpenAPI document", &show_openapi);
  auto* events_page =
      openapi->add_flag("--events", options->is_events, "The list of events instead (Markdown)");
  openapi
      ->add_flag("--operations", options->is_operations,
                 "The list of operations instead (Markdown)")
      ->excludes(events_page);
}

}  // namespace muster::cli
