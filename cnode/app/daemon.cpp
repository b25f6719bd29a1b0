#include "app/daemon.h"

#include "app/health.h"
#include "app/node_config.h"
#include "base/log.h"
#include "ops/builtin.h"
#include "services/orchestration/events.h"
#include "store/sealed.h"

namespace muster::app {

namespace fs = std::filesystem;

namespace {

doors::rest::ServerOptions server_options(const Config& config, Budget& outsiders) {
  doors::rest::ServerOptions options;
  options.budget = &outsiders;
  options.address = config.http.listen.address;
  options.port = config.http.listen.port;
  options.certificate = config.http.certificate;
  options.key = config.http.key;
  options.announce = config.data_dir / "api.url";
  return options;
}

dist::NodeConfig with_budget(dist::NodeConfig node, Budget& outsiders) {
  node.budget = &outsiders;
  return node;
}

metrics::Metrics::Settings metric_settings(const Config& config) {
  metrics::Metrics::Settings settings;
  settings.folder = config.data_dir / "metrics";
  settings.store.schedule = config.metrics.keep;
  settings.store.most_bytes = std::uint64_t{config.metrics.keep_megabytes} << 20;
  settings.interval = config.agents.interval;
  if (auto& address = config.graphite.address) {
    settings.graphite.host = address->address;
    settings.graphite.port = address->port;
  }
  settings.graphite.path = config.graphite.path;
  return settings;
}

notifications::Notifications::Settings notification_settings(const Config& config) {
  auto& given = config.notifications;
  notifications::Notifications::Settings settings;
  settings.folder = config.data_dir / "notifications";
  settings.retention.bytes = std::uint64_t{given.keep_megabytes} << 20;
  settings.retention.age = std::chrono::hours(24 * given.keep_days);
  settings.limits.per_second = static_cast<double>(given.per_second);
  settings.limits.burst = 4 * settings.limits.per_second;
  return settings;
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::open(asio::io_context& io, const LoopMeter& meter,
                                             Budget& outsiders, DataDir data_dir, Config config,
                                             Identity identity, Cookies cookies,
                                             store::LostSecrets lost) {
  bool is_cookie_from_before = cookies.is_from_before;
  TRY(auto node, node_config(config, identity, std::move(cookies)));
  TRY(auto cipher, store::open_key(data_dir.path(), lost));
  TRY(auto database, store::Database::open(data_dir.path() / "muster.db"));
  TRY(auto token, access::AdminToken::open(data_dir.path() / "api.token"));
  std::unique_ptr<Daemon> daemon(
      new Daemon(io, meter, outsiders, std::move(data_dir), std::move(config), std::move(node),
                 std::move(database), std::move(cipher), std::move(token), is_cookie_from_before));
  if (lost == store::LostSecrets::forget) daemon->started_with_ += " forget_secrets=true";
  return daemon;
}

void Daemon::take_over() {
  agents_.take_over();
  started_with_ += " take_over=true";
}

Daemon::Daemon(asio::io_context& io, const LoopMeter& meter, Budget& outsiders, DataDir data_dir,
               Config config, dist::NodeConfig node, std::unique_ptr<store::Database> database,
               store::Cipher cipher, access::AdminToken token, bool is_cookie_from_before)
    : data_dir_(std::move(data_dir)),
      config_(std::move(config)),
      outsiders_(outsiders),
      losses_([this](const std::string& who, std::uint64_t count) {
        alarm_watch_.condition(alarms::daemon_subject(), "outsiders_memory", {}, true,
                               ops::json::object{{"most_of", who}, {"losses_in_10_s", count}});
      }),
      loop_watch_(io.get_executor(), meter),
      database_(std::move(database)),
      cipher_(std::move(cipher)),
      is_cookie_from_before_(is_cookie_from_before),
      tokens_(
          io.get_executor(), std::move(token), *database_,
          [this](const std::string& id_or_name) { return families().family(id_or_name); }, clock_),
      audit_(io.get_executor(), *database_, clock_),
      events_(io.get_executor(), clock_),
      manager_(io.get_executor()),
      node_(io, with_budget(std::move(node), outsiders_), manager_),
      self_check_(data_dir_.path(), *database_, node_, clock_),
      topology_(*database_, cipher_, manager_, node_, events_, clock_),
      agents_(io.get_executor(), node_, config_.agents.interval),
      commands_(*database_, cipher_, topology_, manager_, clock_, &outsiders_),
      metrics_(io.get_executor(), metric_settings(config_), *database_, topology_, manager_,
               events_, clock_,
               [this](const std::string& node, etf::Map settings) {
                 agents_.configure(node, "metrics", std::move(settings));
               }),
      notifications_(
          io.get_executor(), notification_settings(config_), *database_, topology_, events_, clock_,
          [this](const std::string& node, etf::Map settings) {
            agents_.configure(node, "notifications", std::move(settings));
          },
          &outsiders_),
      alarm_desk_(io.get_executor(), *database_, events_, clock_),
      alarm_watch_(io.get_executor(), *alarms::tuned_rules(config_.alarms), *database_, topology_,
                   events_, alarm_desk_, clock_),
      alarm_webhooks_(io.get_executor(), *database_, cipher_, alarm_desk_, clock_),
      hosts_(io.get_executor(), workers_,
             {config_.data_dir / "ssh", config_.ssh.key, config_.ssh.host_keys == "strict"}),
      catalogue_(orchestration::CatalogueRows(*database_, cipher_), hosts_,
                 config_.data_dir / "releases"),
      providers_(
          catalogue_, [this] { return hosts_.public_key(); }, clock_),
      releases_(catalogue_, orchestration::ReleaseStore(workers_, config_.data_dir / "releases"),
                clock_),
      families_(catalogue_, clock_),
      mesh_nodes_(topology_, manager_, node_, clock_),
      deployment_rows_(*database_, cipher_),
      deployments_(io.get_executor(), workers_, deployment_rows_, catalogue_,
                   orchestration::find_host_in(catalogue_), mesh_nodes_, events_, clock_, {}),
      deployed_nodes_(catalogue_, deployments_),
      subscribers_(io.get_executor(), node_, events_),
      erlang_door_(io.get_executor(), node_, table_),
      rest_door_(io.get_executor(), table_, events_, tokens_, clock_,
                 server_options(config_, outsiders_)) {
  events_.declare(topology::Topology::topics());
  events_.declare(orchestration::deployment_topics());
  events_.declare(metrics::Metrics::topics());
  events_.declare(notifications::Notifications::topics());
  events_.declare(alarms::Desk::topics());
  table_.add(ops::builtin(table_, events_));
  table_.add(self_check_.operations());
  table_.add(subscribers_.operations());
  table_.add(rest_door_.ticket_operation());
  table_.add(tokens_.operations());
  table_.add(audit_.operations());
  table_.add(topology_.operations());
  table_.add(commands_.operations());
  table_.add(metrics_.operations());
  table_.add(notifications_.operations());
  table_.add(alarm_desk_.operations());
  table_.add(alarm_watch_.operations());
  table_.add(alarm_webhooks_.operations());
  table_.add(providers_.operations());
  table_.add(releases_.operations());
  table_.add(families_.operations());
  table_.add(deployed_nodes_.operations());
  table_.set_audit([this](const ops::Attempt& attempt) { audit_.note(attempt); });
  table_.set_families(families());
  node_.on_forbidden([this](const std::string& peer) {
    topology_.node_refused(peer);
    audit_.note({"node.request",
                 "node:" + peer,
                 peer,
                 Role::none,
                 {},
                 ops::Outcome::refused,
                 std::string(name_of(Errc::forbidden))});
  });
  outsiders_.on_loss(
      [this](const Budget::Loss& loss) { losses_.add(loss, std::chrono::steady_clock::now()); });
  tokens_.on_ended([this](const std::string& caller) { rest_door_.dismiss(caller); });
  manager_.on_rights_changed([this](const std::string& node) {
    rest_door_.dismiss("node:" + node);  // what it opened with a ticket
  });
  manager_.attach(node_, agents_, topology_);
  agents_.on_sample("metrics", [this](const std::string& node, const etf::Term& sample) {
    topology_.node_vitals(node, sample);
    metrics_.from_agent(node, sample);
  });
  metrics_.on_round([this](const std::string& node, const etf::Term& sample) {
    alarm_watch_.from_metrics_agent(node, sample);
  });
  metrics_.on_over_quota(
      [this](const topology::NodeRow& row, bool is_over, ops::json::value evidence) {
        alarm_watch_.condition(alarms::subject_of(row), "series_quota", "", is_over,
                               std::move(evidence));
      });
  notifications_.on_over_share(
      [this](const topology::NodeRow& row, bool is_over, ops::json::value evidence) {
        alarm_watch_.condition(alarms::subject_of(row), "notification_quota", "", is_over,
                               std::move(evidence));
      });
  agents_.on_sample("notifications", [this](const std::string& node, const etf::Term& sample) {
    notifications_.from_agent(node, sample);
    metrics_.from_other_agent(node, "notifications", sample);
    alarm_watch_.from_notifications_agent(node, sample);
  });
  agents_.on_sample("alarms", [this](const std::string& node, const etf::Term& sample) {
    metrics_.from_other_agent(node, "alarms", sample);
    alarm_watch_.from_alarms_agent(node, sample);
  });
  notifications_.on_stored([this](std::span<const notifications::Entry> entries) {
    return alarm_watch_.heard(entries);
  });
  alarm_watch_.on_saying(
      [this](notifications::Entry entry) { notifications_.say(std::move(entry)); });
  loop_watch_.on_change([this](bool is_late, const std::string& how) {
    alarm_watch_.condition(alarms::daemon_subject(), "loop_is_late", "", is_late,
                           ops::json::value(std::string_view(how)));
  });
  metrics_.add_health(HealthOf{loop_watch_, manager_, node_, events_, table_, *database_,
                               notifications_, config_.data_dir, outsiders_});
  rest_door_.add_page({"/metrics",
                       "text/plain; version=0.0.4; charset=utf-8",
                       ops::Role::viewer,
                       [this](auto& parameters) { return metrics_.expose(parameters); },
                       {.family = "family", .node = "node"}});
  topology_.on_admins([this](std::size_t count) {
    alarm_watch_.condition(alarms::daemon_subject(), "nodes_that_are_admin", "", count > 0,
                           ops::json::object{{"nodes", count}});
  });
  agents_.on_dropping(
      [this](const std::string& node, const std::string& why, std::uint64_t dropped) {
        if (auto row = topology_.find(node))
          alarm_watch_.condition(alarms::subject_of(*row), "agent_quota", "", true,
                                 ops::json::object{{"messages", why}, {"dropped", dropped}});
      });
  alarm_desk_.on_held_back([this](const alarms::Subject& subject) {
    if (auto row = topology_.find(subject.id))
      alarm_watch_.condition(alarms::subject_of(*row), "alarm_quota", "", true);
  });
  agents_.on_lacking([this](const std::string& node, const mesh::Agents::Lacking& lacking) {
    topology_.node_lacks(node, lacking);
  });
}

Daemon::~Daemon() = default;

ops::FamilyLookup Daemon::families() const {
  using Ids = ops::FamilyLookup::Ids;
  ops::FamilyLookup look_up;
  look_up.family = [this](const std::string& id_or_name) {
    auto ids = topology_.families_named(id_or_name);
    for (auto& id : catalogue_.families_named(id_or_name))
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    return ids;
  };
  look_up.node = [this](const std::string& id_or_name) {
    auto* node = topology_.peek(id_or_name);
    return node && node->family_id ? Ids{*node->family_id} : Ids{};
  };
  look_up.deployed_node = [this](const std::string& id_or_name) {
    auto node = deployments_.fleet().find(id_or_name);
    return node ? Ids{node->row.family_id} : Ids{};
  };
  return look_up;
}

Task<> Daemon::start() {
  auto check_cookie = [this](store::Connection& db) {
    return check_cookie_is_not_lost(db, is_cookie_from_before_, clock_.now());
  };
  CO_TRYV(co_await database_->write(check_cookie));
  auto seal_clear = [this](store::Connection& db) { return store::seal_clear(db, cipher_); };
  CO_TRYV(co_await database_->write(seal_clear));
  CO_TRYV(co_await node_.start());
  CO_TRYV(co_await metrics_.start());
  CO_TRYV(co_await notifications_.start());
  CO_TRYV(co_await alarm_webhooks_.start());
  CO_TRYV(co_await alarm_desk_.start());
  CO_TRYV(co_await alarm_watch_.start());
  loop_watch_.start();
  CO_TRYV(co_await topology_.start());
  CO_TRYV(co_await catalogue_.start());
  CO_TRYV(co_await deployments_.start());
  CO_TRYV(co_await tokens_.start());
  CO_TRYV(co_await audit_.start());
  if (auto swept = co_await releases_.sweep(); !swept)
    log::warn("release archives: {}", swept.error().text());
  erlang_door_.open();  // nobody is answered from rows that are not read yet
  CO_TRYV(rest_door_.listen());
  audit_.note_daemon("daemon.start", "version=" MUSTER_VERSION + started_with_);
  co_return Result<>();
}

std::string Daemon::whereabouts() const {
  return fmt::format("{} and {}, REST on {}", node_.self_for("peer@short"),
                     node_.self_for("peer@long.host"), rest_door_.url());
}

void Daemon::reload_certificates() {
  audit_.note_daemon("daemon.reload");
  auto say = [](std::string_view what, const Result<bool>& loaded) {
    if (!loaded)
      log::error("{}: the certificate stays the old one: {}", what, loaded.error().text());
    else if (*loaded)
      log::info("{}: the certificate is read again", what);
  };
  say("HTTPS", rest_door_.reload_certificate());
  say("TLS distribution", node_.reload_certificates());
}

asio::awaitable<void> Daemon::stop() {
  co_await rest_door_.stop();
  co_await erlang_door_.stop();
  events_.close();
  subscribers_.running().cancel();
  co_await subscribers_.running().join();
  co_await deployments_.stop();
  co_await hosts_.close();
  co_await manager_.stop();
  co_await agents_.stop();
  co_await node_.stop();
  co_await notifications_.stop();
  co_await metrics_.stop();
  co_await alarm_watch_.stop();
  co_await alarm_webhooks_.stop();
  co_await alarm_desk_.stop();
  co_await tokens_.stop();
  audit_.note_daemon("daemon.stop");
  co_await audit_.stop();
  co_await loop_watch_.stop();
  workers_.join();
}

}  // namespace muster::app
