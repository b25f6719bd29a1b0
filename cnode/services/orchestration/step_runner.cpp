#include "services/orchestration/step_runner.h"

#include <fmt/format.h>

#include "base/offload.h"
#include "base/random.h"
#include "base/timeout.h"
#include "services/orchestration/archive_files.h"
#include "services/orchestration/templates.h"

namespace muster::orchestration {
namespace {

/// What the unpack script says when the archive is not there.
constexpr int kNoArchive = 66;

}  // namespace

StepRunner::StepRunner(asio::thread_pool& pool, Catalogue& catalogue, FindHost find_host,
                       NodeManager& manager, HostArchives& archives, const Fleet& fleet,
                       const Clock& clock, DeploySettings settings)
    : pool_(pool),
      catalogue_(catalogue),
      find_host_(std::move(find_host)),
      manager_(manager),
      archives_(archives),
      fleet_(fleet),
      clock_(clock),
      settings_(settings) {}

Result<StepRunner::Site> StepRunner::site(Deployment node) {
  Site site;
  TRY(site.family, catalogue_.family(node.family_id));
  TRY(site.release, catalogue_.release(node.release_id));
  // The archive of the row may have been replaced meanwhile: the node stays what it is.
  site.release.sha256 = node.sha256;
  site.release.size = node.size;
  site.release.strip_components = node.strip_components;
  TRY(site.host, find_host_(host_of(node)));
  site.environment = environment(node, site.family);
  site.node = std::move(node);
  return site;
}

asio::awaitable<StepResult> StepRunner::run(Deployment node, Step step, bool had_started,
                                            Held& held) {
  auto made = site(std::move(node));
  if (!made) co_return trouble_of(made.error(), "look up what the node is made of");
  auto& site = *made;
  if (step == Step::unpack || step == Step::start || step == Step::answer) {
    if (!held.start) {
      Queued queued(had_started ? nullptr : fleet_.find(site.node.id));
      auto slots = starts_.get(site.host.get(), settings_.starts_per_host);
      held.start.emplace(co_await SharedSlot::take(std::move(slots), site.node.family_id));
    }
  } else {
    held.start.reset();
  }
  switch (step) {
    case Step::upload:
      co_return co_await archives_.ensure(site.host, host_of(site.node), site.release);
    case Step::unpack:
      co_return co_await unpack(site);
    case Step::start:
      co_return co_await start(site, had_started);
    case Step::answer:
      co_return co_await answer(site);
    case Step::bootstrap:
      co_return co_await bootstrap(site, held);
    case Step::hand_over: {
      auto self = peer(site);
      auto handed = co_await manager_.hand_over(self);
      if (!handed) co_return trouble_of(handed.error(), "hand over to the node manager");
      co_return StepResult();
    }
    case Step::stop:
      co_return co_await stop(site);
    case Step::remove:
      co_return co_await remove(site);
  }
  co_return StepResult();
}

RunningNode StepRunner::peer(const Site& site) const {
  return {site.node.id,     site.node.name,   site.family.id,
          site.family.name, site.node.cookie, site.family.role.value_or(site.release.role)};
}

drivers::Command StepRunner::command(const Site& site, std::string script,
                                     std::chrono::seconds limit) const {
  drivers::Command command;
  command.script = std::move(script);
  command.env = site.environment.plain;
  command.secrets = site.environment.secret;
  command.hidden = site.environment.hidden;
  command.directory = site.node.id;
  command.limit = limit;
  return command;
}

drivers::Command StepRunner::look(std::string script) const {
  drivers::Command command;
  command.script = std::move(script);
  command.limit = settings_.short_limit;
  return command;
}

Task<StepRunner::Contents> StepRunner::templates(const Release& release) {
  auto held = co_await reading_.take();
  std::string key = release.sha256;
  for (auto& path : release.templates) key += '\n' + path;
  if (contents_of_ == key) co_return contents_;
  auto read = [file = catalogue_.archive_path(release.sha256), &release] {
    return read_archive_files(file, release.templates, release.strip_components);
  };
  CO_TRY(auto found, co_await offload(pool_, read));
  contents_ = std::make_shared<const std::map<std::string, std::string>>(std::move(found));
  contents_of_ = std::move(key);
  co_return contents_;
}

asio::awaitable<StepResult> StepRunner::unpack(const Site& site) {
  auto contents = co_await templates(site.release);
  if (!contents) co_return trouble_of(contents.error(), "read the templates");
  auto values = template_values(site.node, site.family);
  std::vector<scripts::File> files;
  for (auto& [path, text] : **contents) files.push_back({path, fill(text, values)});
  auto archive = scripts::archive_path(tag_of(host_of(site.node)), site.release.sha256);
  for (int attempt = 1;; ++attempt) {
    auto task = look(scripts::unpack(site.node.id, archive, site.release.strip_components, files,
                                     random_hex(4)));
    task.limit = settings_.unpack_limit;
    task.secrets = site.environment.secret;
    task.hidden = site.environment.hidden;
    auto result = co_await site.host->run(std::move(task));
    if (!result) co_return trouble_of(result.error(), "unpack the release");
    if (result->succeeded()) co_return StepResult();
    if (result->code != kNoArchive || attempt == 2)
      co_return trouble_of(*result, "unpack the release",
                           "see that the host has tar, gzip and space on its disk, then retry");
    // Somebody has removed it from the host.
    auto forgotten = co_await archives_.forget(host_of(site.node), site.release.sha256);
    if (!forgotten) co_return trouble_of(forgotten.error(), "write down the upload");
    auto again = co_await archives_.ensure(site.host, host_of(site.node), site.release);
    if (again) co_return again;
  }
}

Task<std::vector<scripts::Process>> StepRunner::processes(const Site& site, std::string script) {
  auto task = look(std::move(script));
  CO_TRY(auto output, co_await site.host->expect(std::move(task), "look for processes"));
  co_return scripts::parse_survey(output);
}

asio::awaitable<StepResult> StepRunner::start(const Site& site, bool had_started) {
  auto& node = site.node;
  if (site.release.start_cmd.empty())
    co_return Trouble{{"the release has no start command", "",
                       "give the release a start_cmd (update_release), then retry"},
                      false};
  if (had_started) {
    // The daemon was killed while it started the node, or the node is DOWN: if it runs well, good;
    // what is left of it would be in the way of another.
    auto self = peer(site);
    auto there = co_await manager_.is_there(self);
    if (there && *there) {
      auto reached = co_await manager_.reach(self, std::chrono::seconds(5));
      if (reached) co_return StepResult();
    }
    auto left = co_await processes(site, scripts::survey(node.id));
    for (int attempt = 0; left && !left->empty() && attempt < 5; ++attempt) {
      left = co_await processes(site, scripts::signal(node.id, "KILL"));
      if (left && !left->empty()) co_await pause(std::chrono::milliseconds(300));
    }
    if (!left) co_return trouble_of(left.error(), "look for an earlier start");
    if (!left->empty())
      co_return Trouble{
          {"processes of an earlier start cannot be ended", "", "end them on the host, then retry"},
          false};
  }
  auto script = scripts::start(site.release.start_mode, node.id, site.release.start_cmd,
                               site.release.stop_cmd, site.environment);
  auto task = command(site, std::move(script), settings_.start_limit);
  auto result = co_await site.host->run(std::move(task));
  if (!result) co_return trouble_of(result.error(), "start command");
  if (result->succeeded()) co_return StepResult();
  std::string remedy = "see the output, mend the release or the host, then retry";
  if (result->end == drivers::CommandResult::End::timed_out)
    remedy =
        "a start command that stays with the node needs start_mode foreground; else see why "
        "it does not return, then retry";
  else if (site.release.start_mode == StartMode::systemd)
    remedy = "start_mode systemd needs a host with systemd and a user manager; or use foreground";
  co_return trouble_of(*result, "start command", std::move(remedy));
}

asio::awaitable<StepResult> StepRunner::answer(const Site& site) {
  auto self = peer(site);
  auto reached = co_await manager_.reach(self, settings_.answer_limit);
  if (reached) co_return StepResult();
  auto trouble = trouble_of(reached.error(),
                            "started, but " + site.node.name + " does not answer a handshake");
  trouble.is_transient = false;
  trouble.failure.remedy =
      reached.error().errc() == Errc::unauthorized
          ? "let the release take its cookie from MUSTER_COOKIE or a template, or name the cookie "
            "that it brings (update_release); then delete this node and deploy another"
          : "see that the release takes its name from NODE_NAME or a template and the same cookie, "
            "and that epmd (4369) and its distribution port can be reached; then retry";
  auto tail = look(scripts::log_tail(site.node.id));
  tail.secrets = site.environment.secret;
  tail.hidden = site.environment.hidden;
  if (auto log = co_await site.host->run(std::move(tail)))
    trouble.failure.output = trouble_of(*log, "", "").failure.output;
  co_return trouble;
}

asio::awaitable<StepResult> StepRunner::stop(const Site& site) {
  auto& node = site.node;
  auto left = co_await processes(site, scripts::survey(node.id));
  if (!left) co_return trouble_of(left.error(), "stop");
  auto gentle = scripts::stop(site.release.start_mode, node.id, site.release.stop_cmd);
  // A unit without processes is still enabled: the host's next boot would start the node.
  const bool has_unit = site.release.start_mode == StartMode::systemd;
  const bool is_asked = !gentle.empty() && (has_unit || !left->empty());
  std::optional<Trouble> refusal;
  if (is_asked) {
    auto task = command(site, gentle, settings_.stop_limit);
    if (has_unit) task.directory.clear();
    auto result = co_await site.host->run(std::move(task));
    if (!result) co_return trouble_of(result.error(), "stop command");
    if (!result->succeeded()) refusal = trouble_of(*result, "stop command", "");
  }
  StopPolicy policy(settings_.stop, clock_.steady(), is_asked && !refusal);
  std::string script = scripts::survey(node.id);
  auto self = peer(site);
  while (true) {
    left = co_await processes(site, script);
    if (!left) co_return trouble_of(left.error(), "stop");
    auto there = co_await manager_.is_there(self);
    auto decision = policy.look(clock_.steady(), !left->empty(), there && *there);
    using Action = StopPolicy::Action;
    if (decision.action == Action::stopped) break;
    if (decision.action == Action::give_up) {
      Trouble trouble{{node.name + " cannot be stopped", "", ""}, false};
      for (auto& process : *left)
        trouble.failure.output += fmt::format("{} {}\n", process.pid, process.command);
      if (refusal)
        trouble.failure.output += refusal->failure.message + "\n" + refusal->failure.output;
      trouble.failure.output = drivers::last_lines(trouble.failure.output, 4096);
      trouble.failure.remedy =
          left->empty() ? "no process of this user's on the host, but the name answers: see who "
                          "runs it, then retry"
                        : "end these processes on the host, then retry";
      co_return trouble;
    }
    script = decision.action == Action::terminate ? scripts::signal(node.id, "TERM")
             : decision.action == Action::kill    ? scripts::signal(node.id, "KILL")
                                                  : scripts::survey(node.id);
    if (decision.action == Action::look_again) co_await pause(decision.pause);
  }
  auto told = co_await manager_.set_stopped(node.id);
  if (!told) co_return trouble_of(told.error(), "tell the node manager");
  co_return StepResult();
}

asio::awaitable<StepResult> StepRunner::remove(const Site& site) {
  const bool is_last = !fleet_.is_wanted(host_of(site.node));
  auto task = look(scripts::remove(site.node.id, is_last));
  task.limit = settings_.unpack_limit;
  auto result = co_await site.host->run(std::move(task));
  if (!result) co_return trouble_of(result.error(), "remove the node");
  if (!result->succeeded())
    co_return trouble_of(*result, "remove the node",
                         "remove what the output names on the host, then retry or delete again");
  auto forgotten = co_await manager_.forget(site.node.id);
  if (!forgotten) co_return trouble_of(forgotten.error(), "tell the node manager");
  co_return StepResult();
}

}  // namespace muster::orchestration
