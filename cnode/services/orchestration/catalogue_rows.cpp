#include "services/orchestration/catalogue_rows.h"

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>

#include "ops/role_text.h"
#include "services/orchestration/settings.h"

namespace muster::orchestration {
namespace {

using store::Connection;
using store::Statement;

/// What a family is, apart from its secrets: the column `settings`.
struct FamilySettings {
  BootstrapSettings bootstrap;
  std::vector<NeighborSettings> neighbors;
  std::vector<FirewallRule> firewall;
  std::optional<PortRange> dist_ports;
  std::optional<Role> role;
};
BOOST_DESCRIBE_STRUCT(FamilySettings, (), (bootstrap, neighbors, firewall, dist_ports, role))

constexpr auto select_providers = R"(
  SELECT id, name, description, type, options, created_at FROM providers)";
constexpr auto put_provider = R"(
  INSERT INTO providers (id, name, description, type, options, created_at)
  VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description,
    type = excluded.type, options = excluded.options)";
constexpr auto select_releases = R"(
  SELECT id, name, description, start_cmd, stop_cmd, start_mode, templates, cookie, sha256, size,
    strip, created_at, role FROM releases)";
constexpr auto put_release = R"(
  INSERT INTO releases (id, name, description, start_cmd, stop_cmd, start_mode, templates, cookie,
    sha256, size, strip, created_at, role)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description,
    start_cmd = excluded.start_cmd, stop_cmd = excluded.stop_cmd, start_mode = excluded.start_mode,
    templates = excluded.templates, cookie = excluded.cookie, sha256 = excluded.sha256,
    size = excluded.size, strip = excluded.strip, role = excluded.role)";
constexpr auto select_families = R"(
  SELECT f.id, f.name, f.description, f.created_at, d.release_id, d.cookie, d.settings,
    d.environment
  FROM node_families f JOIN family_deployments d ON d.family_id = f.id)";
constexpr auto select_added = R"(
  SELECT f.id, f.name, f.description, (SELECT count(*) FROM nodes n WHERE n.family_id = f.id)
  FROM node_families f WHERE f.origin = 'added' ORDER BY f.name)";
constexpr auto put_family = R"(
  INSERT INTO node_families (id, name, origin, description, created_at)
  VALUES (?, ?, 'deployed', ?, ?)
  ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description)";
constexpr auto put_deployment = R"(
  INSERT INTO family_deployments (family_id, release_id, cookie, settings, environment)
  VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (family_id) DO UPDATE SET release_id = excluded.release_id, cookie = excluded.cookie,
    settings = excluded.settings, environment = excluded.environment)";
constexpr auto select_domains = R"(
  SELECT id, family_id, provider_id, ssh_user, hw_profile, vdisk, type
  FROM deployment_domains ORDER BY place)";
constexpr auto put_domain = R"(
  INSERT INTO deployment_domains (id, family_id, provider_id, place, ssh_user, hw_profile, vdisk,
    type)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET place = excluded.place, ssh_user = excluded.ssh_user,
    hw_profile = excluded.hw_profile, vdisk = excluded.vdisk, type = excluded.type)";

std::string options_owner(const std::string& id) {
  return "providers/" + id + "/options";
}
std::string release_owner(const std::string& id) {
  return "releases/" + id + "/cookie";
}
std::string family_owner(const std::string& id, const char* column) {
  return "family_deployments/" + id + "/" + column;
}

json::object reveal(const std::map<std::string, Secret>& values) {
  json::object out;
  for (auto& [name, value] : values) out[name] = value.reveal();
  return out;
}
std::map<std::string, Secret> conceal(const json::value& values) {
  std::map<std::string, Secret> out;
  for (auto& [name, value] : values.as_object())
    out.emplace(name, Secret(std::string(std::string_view(value.as_string()))));
  return out;
}

Result<json::value> parse(const std::string& text) {
  boost::system::error_code ec;
  auto value = json::parse(text, ec);
  if (ec) return Error(ec, "a JSON column");
  return value;
}

Result<std::vector<Provider>> read_providers(Connection& db, const store::Cipher& cipher) {
  std::vector<Provider> all;
  Statement s(db, select_providers);
  while (s.step()) {
    Provider row{s.text(0), s.text(1), s.text(2), s.text(3), {}, s.time(5)};
    TRY(auto opened, cipher.open(s.blob(4), options_owner(row.id)));
    TRY(auto options, parse(opened.reveal()));
    row.options = std::move(options.as_object());
    all.push_back(std::move(row));
  }
  TRYV(s.result());
  return all;
}

Result<std::vector<Release>> read_releases(Connection& db, const store::Cipher& cipher) {
  std::vector<Release> all;
  Statement s(db, select_releases);
  while (s.step()) {
    Release row;
    row.id = s.text(0), row.name = s.text(1), row.description = s.text(2);
    row.start_cmd = s.text(3), row.stop_cmd = s.text(4);
    boost::describe::enum_from_string(s.text(5).c_str(), row.start_mode);
    TRY(auto templates, parse(s.text(6)));
    TRY(row.templates, ops::read<std::vector<std::string>>(ops::Input(templates)));
    if (!s.is_null(7)) {
      TRY(auto cookie, cipher.open(s.blob(7), release_owner(row.id)));
      row.cookie = std::move(cookie);
    }
    row.sha256 = s.text_or_null(8).value_or("");
    row.size = static_cast<std::uint64_t>(s.integer(9));
    row.strip_components = static_cast<std::uint32_t>(s.integer(10));
    row.created_at = s.time(11);
    row.role = ops::role_from(s.text(12));
    all.push_back(std::move(row));
  }
  TRYV(s.result());
  return all;
}

Result<Family> read_family(Statement& s, const store::Cipher& cipher) {
  Family row;
  row.id = s.text(0), row.name = s.text(1), row.description = s.text(2), row.created_at = s.time(3);
  row.release_id = s.text_or_null(4).value_or("");
  TRY(row.cookie, cipher.open(s.blob(5), family_owner(row.id, "cookie")));
  TRY(auto stored, parse(s.text(6)));
  TRY(auto settings, ops::read<FamilySettings>(ops::Input(stored)));
  TRY(row.bootstrap, bootstrap_of(settings.bootstrap, ""));
  for (auto& neighbor : settings.neighbors) {
    TRY(auto bootstrap, bootstrap_of(neighbor, ""));
    row.neighbors.push_back({neighbor.family, std::move(bootstrap)});
  }
  row.firewall = std::move(settings.firewall);
  row.dist_ports = settings.dist_ports;
  row.role = settings.role;
  TRY(auto opened, cipher.open(s.blob(7), family_owner(row.id, "environment")));
  TRY(auto environment, parse(opened.reveal()));
  row.env = conceal(environment.at("env"));
  row.variables = conceal(environment.at("variables"));
  return row;
}

Result<std::vector<Family>> read_families(Connection& db, const store::Cipher& cipher) {
  std::vector<Family> all;
  Statement s(db, select_families);
  while (s.step()) {
    TRY(auto row, read_family(s, cipher));
    all.push_back(std::move(row));
  }
  TRYV(s.result());
  Statement d(db, select_domains);
  while (d.step()) {
    Domain domain{d.text(0), d.text(1), d.text(2), d.text(3), d.text(4), d.text(5), d.text(6)};
    for (auto& family : all)
      if (family.id == domain.family_id) family.domains.push_back(domain);
  }
  TRYV(d.result());
  return all;
}

Result<> write_domains(Connection& db, const Family& family) {
  // Those that are gone: everything but the ids that stay.
  Statement existing(db, "SELECT id FROM deployment_domains WHERE family_id = ?");
  existing.bind(family.id);
  std::vector<std::string> gone;
  while (existing.step()) {
    auto id = existing.text(0);
    if (std::none_of(family.domains.begin(), family.domains.end(),
                     [&](const Domain& d) { return d.id == id; }))
      gone.push_back(id);
  }
  TRYV(existing.result());
  for (auto& id : gone) {
    Statement s(db, "DELETE FROM deployment_domains WHERE id = ?");
    TRYV(s.bind(id).run());
  }
  for (std::size_t i = 0; i < family.domains.size(); ++i) {
    auto& domain = family.domains[i];
    Statement s(db, put_domain);
    s.bind(domain.id).bind(family.id).bind(domain.provider_id).bind(static_cast<int>(i));
    s.bind(domain.ssh_user).bind(domain.hw_profile).bind(domain.vdisk).bind(domain.type);
    TRYV(s.run());
  }
  return {};
}

/// SQLite's words for a broken constraint, in the caller's.
Error in_words(Error error, std::string conflict) {
  if (error.errc() != Errc::conflict) return error;
  return Error(Errc::conflict, std::move(conflict));
}

}  // namespace

Task<> CatalogueRows::run(std::function<Result<>(Connection&)> job) {
  co_return co_await database_.write(std::move(job));
}

Task<CatalogueRows::All> CatalogueRows::all() {
  auto job = [this](Connection& db) -> Result<All> {
    All all;
    TRY(all.providers, read_providers(db, cipher_));
    TRY(all.releases, read_releases(db, cipher_));
    TRY(all.families, read_families(db, cipher_));
    return all;
  };
  co_return co_await database_.read(job);
}

Task<> CatalogueRows::put(Provider row) {
  std::function<Result<>(Connection&)> job = [&](Connection& db) -> Result<> {
    auto options = cipher_.seal(Secret(json::serialize(row.options)), options_owner(row.id));
    Statement s(db, put_provider);
    s.bind(row.id).bind(row.name).bind(row.description).bind(row.type).bind_blob(options);
    return s.bind(row.created_at).run();
  };
  auto done = co_await run(std::move(job));
  if (!done)
    co_return in_words(std::move(done).error(), "a provider is named '" + row.name + "' already");
  co_return done;
}

Task<> CatalogueRows::put(Release row) {
  std::function<Result<>(Connection&)> job = [&](Connection& db) -> Result<> {
    Statement s(db, put_release);
    s.bind(row.id).bind(row.name).bind(row.description).bind(row.start_cmd).bind(row.stop_cmd);
    s.bind(boost::describe::enum_to_string(row.start_mode, ""));
    s.bind(json::serialize(ops::to_json(row.templates)));
    if (row.cookie)
      s.bind_blob(cipher_.seal(*row.cookie, release_owner(row.id)));
    else
      s.bind(std::nullopt);
    s.bind(row.sha256.empty() ? std::nullopt : std::optional(row.sha256));
    s.bind(static_cast<std::int64_t>(row.size)).bind(row.strip_components);
    return s.bind(row.created_at).bind(ops::role_text(row.role)).run();
  };
  auto done = co_await run(std::move(job));
  if (!done)
    co_return in_words(std::move(done).error(), "a release is named '" + row.name + "' already");
  co_return done;
}

Task<> CatalogueRows::put(Family row) {
  std::function<Result<>(Connection&)> job = [&](Connection& db) -> Result<> {
    Statement f(db, put_family);
    f.bind(row.id).bind(row.name).bind(row.description).bind(row.created_at);
    TRYV(f.run());
    FamilySettings settings{settings_of(row.bootstrap), {}, row.firewall, row.dist_ports, row.role};
    for (auto& neighbor : row.neighbors) {
      NeighborSettings stored;
      static_cast<BootstrapSettings&>(stored) = settings_of(neighbor.bootstrap);
      stored.family = neighbor.family_id;
      settings.neighbors.push_back(std::move(stored));
    }
    Secret environment(json::serialize(
        json::object{{"env", reveal(row.env)}, {"variables", reveal(row.variables)}}));
    Statement d(db, put_deployment);
    d.bind(row.id).bind(row.release_id.empty() ? std::nullopt : std::optional(row.release_id));
    d.bind_blob(cipher_.seal(row.cookie, family_owner(row.id, "cookie")));
    d.bind(json::serialize(ops::to_json(settings)));
    d.bind_blob(cipher_.seal(environment, family_owner(row.id, "environment")));
    TRYV(d.run());
    return write_domains(db, row);
  };
  auto done = co_await run(std::move(job));
  if (!done)
    co_return in_words(
        std::move(done).error(),
        "a node family is named '" + row.name + "' already, or something it refers to was deleted");
  co_return done;
}

namespace {

std::function<Result<>(Connection&)> deletion(const char* sql, const std::string& id) {
  return [sql, id](Connection& db) -> Result<> {
    Statement s(db, sql);
    return s.bind(id).run();
  };
}

}  // namespace

Task<> CatalogueRows::erase_provider(std::string id) {
  auto done = co_await run(deletion("DELETE FROM providers WHERE id = ?", id));
  if (!done) co_return in_words(std::move(done).error(), "the provider is in use");
  co_return done;
}

Task<> CatalogueRows::erase_release(std::string id) {
  auto done = co_await run(deletion("DELETE FROM releases WHERE id = ?", id));
  if (!done) co_return in_words(std::move(done).error(), "the release is in use");
  co_return done;
}

Task<> CatalogueRows::erase_family(std::string id) {
  auto done = co_await run(deletion("DELETE FROM node_families WHERE id = ?", id));
  if (!done) co_return in_words(std::move(done).error(), "the node family is in use");
  co_return done;
}

Task<std::vector<CatalogueRows::AddedFamily>> CatalogueRows::added_families() {
  auto job = [](Connection& db) -> Result<std::vector<AddedFamily>> {
    std::vector<AddedFamily> all;
    Statement s(db, select_added);
    while (s.step())
      all.push_back({s.text(0), s.text(1), s.text(2), static_cast<std::size_t>(s.integer(3))});
    TRYV(s.result());
    return all;
  };
  co_return co_await database_.read(job);
}

}  // namespace muster::orchestration
