#include "services/orchestration/families.h"

#include <unordered_set>

#include "base/random.h"
#include "ops/rows.h"
#include "services/orchestration/entry_row.h"
#include "services/orchestration/names.h"

namespace muster::orchestration {
namespace {

constexpr std::size_t most_neighbors = 100, most_domains = 1000;

Error wrong(std::string message, std::string field) {
  return Error(Errc::bad_request, std::move(message), std::move(field));
}

/// The error of looking something up that a member names: the caller's input is wrong there.
Error at(Error error, std::string field) {
  error.field = std::move(field);
  return error;
}

Result<> check_ports(const PortRange& ports) {
  if (ports.min == 0 || ports.max < ports.min)
    return wrong("dist_ports is {min, max} with 1 <= min <= max", "/dist_ports");
  return {};
}

Result<> check_firewall(const std::vector<FirewallRule>& rules) {
  if (rules.size() > 1000) return wrong("1,000 rules at most", "/firewall");
  for (std::size_t i = 0; i < rules.size(); ++i)
    if (rules[i].port_to < rules[i].port_from)
      return wrong("port_to is below port_from", fmt::format("/firewall/{}/port_to", i));
  return {};
}

/// Before anything is looked up.
Result<> check_sizes(const FamilyFields& given) {
  if (given.neighbors && given.neighbors->size() > most_neighbors)
    return wrong("100 neighbors at most", "/neighbors");
  if (given.env && given.env->size() > 1000) return wrong("1,000 variables at most", "/env");
  if (given.variables && given.variables->size() > 1000)
    return wrong("1,000 variables at most", "/variables");
  return {};
}

/// The three members and the object of the three are two spellings: one of them.
Result<std::optional<Bootstrap>> bootstrap_in(const FamilyFields& given, const Bootstrap& before) {
  bool is_flat =
      given.bootstrap_node_selection || given.bootstrap_strategy || given.bootstrap_strategy_opts;
  if (given.clustering_strategy) {
    if (is_flat)
      return wrong("given here and in bootstrap_…: one of them is enough", "/clustering_strategy");
    TRY(auto bootstrap, bootstrap_of(*given.clustering_strategy, "/clustering_strategy"));
    return std::optional(std::move(bootstrap));
  }
  if (!is_flat) return std::optional<Bootstrap>();
  auto merged = settings_of(before);
  if (given.bootstrap_strategy) {
    merged.strategy = given.bootstrap_strategy;
    if (*merged.strategy != Strategy::custom) merged.opts.reset();
    if (before.strategy == Strategy::none || *merged.strategy == Strategy::none)
      merged.node_selection.reset();
  }
  if (given.bootstrap_strategy_opts) merged.opts = given.bootstrap_strategy_opts;
  if (given.bootstrap_node_selection) merged.node_selection = given.bootstrap_node_selection;
  auto bootstrap = bootstrap_of(merged, "");
  if (!bootstrap) {
    auto error = std::move(bootstrap).error();
    error.field = error.field == "/opts" ? "/bootstrap_strategy_opts" : "/bootstrap_strategy";
    return error;
  }
  return std::optional(*std::move(bootstrap));
}

}  // namespace

/// The families that topology made are read once, and only where one is named.
Task<std::vector<Neighbor>> Families::neighbors_of(const std::vector<NeighborSettings>& given) {
  std::optional<std::vector<CatalogueRows::AddedFamily>> added;
  std::vector<Neighbor> neighbors;
  std::unordered_set<std::string> ids;
  for (std::size_t i = 0; i < given.size(); ++i) {
    auto where = fmt::format("/neighbors/{}", i);
    BootstrapSettings settings = given[i];
    if (!settings.strategy) settings.strategy = Strategy::distributed_erlang;
    CO_TRY(auto bootstrap, bootstrap_of(settings, where));
    auto& id_or_name = given[i].family;
    std::string id;
    if (auto* row = catalogue_.peek_family(id_or_name)) {
      id = row->id;
    } else {
      if (!added) {
        auto read = co_await catalogue_.added_families();
        if (!read) co_return at(std::move(read).error(), where + "/family");
        added = *std::move(read);
      }
      for (auto& family : *added)
        if (family.id == id_or_name || family.name == id_or_name) {
          id = family.id;
          break;
        }
    }
    if (id.empty())
      co_return Error(Errc::not_found, "no node family '" + id_or_name + "'", where + "/family");
    if (!ids.insert(id).second)
      co_return wrong("node family '" + id_or_name + "' is given twice", where + "/family");
    neighbors.push_back({std::move(id), std::move(bootstrap)});
  }
  co_return neighbors;
}

Task<> Families::apply(const FamilyFields& given, Family& row) {
  CO_TRYV(check_sizes(given));
  if (given.description) row.description = *given.description;
  CO_TRY(auto bootstrap, bootstrap_in(given, row.bootstrap));
  if (bootstrap) row.bootstrap = *std::move(bootstrap);
  if (given.neighbors) {
    CO_TRY(row.neighbors, co_await neighbors_of(*given.neighbors));
  }
  if (given.release) {
    auto release = catalogue_.release(*given.release);
    if (!release) co_return at(std::move(release).error(), "/release");
    row.release_id = release->id;
  }
  if (given.firewall) {
    CO_TRYV(check_firewall(*given.firewall));
    row.firewall = *given.firewall;
  }
  if (given.dist_ports) {
    CO_TRYV(check_ports(*given.dist_ports));
    row.dist_ports = given.dist_ports;
  }
  if (given.role) row.role = given.role;
  if (given.env) {
    for (auto& [name, value] : *given.env) CO_TRYV(check_env_name(name, "/env/" + name));
    row.env = *given.env;
  }
  if (given.variables) {
    for (auto& [name, value] : *given.variables)
      CO_TRYV(check_variable_name(name, "/variables/" + name));
    row.variables = *given.variables;
  }
  co_return Result<>();
}

Result<Domain> Families::domain_of(const DomainSettings& given, const Family& family) const {
  auto* provider = catalogue_.peek_provider(given.provider);
  if (!provider) return Error(Errc::not_found, "no provider '" + given.provider + "'", "/provider");
  Domain row{random_uuid(), family.id, provider->id, {}, {}, {}, {}};
  row.ssh_user = given.ssh_user.value_or("");
  row.hw_profile = given.hw_profile.value_or("");
  row.vdisk = given.vdisk.value_or("");
  row.type = given.type.value_or("");
  auto is_bad = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '@' || c == ':'; };
  if (std::any_of(row.ssh_user.begin(), row.ssh_user.end(), is_bad))
    return wrong("not the name of a user", "/ssh_user");
  return row;
}

DomainView Families::view_of(const Domain& row) const {
  auto* provider = catalogue_.peek_provider(row.provider_id);
  return {row.id,          row.id,       row.family_id,  provider ? provider->name : "",
          row.provider_id, row.ssh_user, row.hw_profile, row.vdisk,
          row.type};
}

/// Of those that topology made.
FamilyView Families::view_of(const CatalogueRows::AddedFamily& row) const {
  FamilyView view;
  view.id = view.uuid = row.id;
  view.name = row.name;
  view.description = row.description;
  view.origin = FamilyOrigin::added;
  view.node_count = row.node_count;
  return view;
}

FamilyView Families::view_of(const Family& row) const {
  FamilyView view;
  view.id = view.uuid = row.id;
  view.name = row.name;
  view.description = row.description;
  if (auto& count = catalogue_.uses().node_count) view.node_count = count(row.id);
  view.node_selection = row.bootstrap.selection;
  view.bootstrap_strategy = row.bootstrap.strategy;
  view.bootstrap_strategy_opts = settings_of(row.bootstrap).opts;
  for (auto& neighbor : row.neighbors) {
    NeighborSettings shown;
    static_cast<BootstrapSettings&>(shown) = settings_of(neighbor.bootstrap);
    shown.family = neighbor.family_id;
    view.neighbors.push_back(std::move(shown));
  }
  if (auto* release = catalogue_.peek_release(row.release_id)) {
    view.release = release->name;
    view.release_id = release->id;
  }
  view.firewall = row.firewall;
  for (auto& domain : row.domains) view.domains.push_back(view_of(domain));
  view.dist_ports = row.dist_ports;
  view.role = row.role;
  for (auto& [name, value] : row.env) view.env.push_back(name);
  for (auto& [name, value] : row.variables) view.variables.push_back(name);
  return view;
}

Task<FamilyView> Families::create(CreateFamily request, ops::Caller) {
  auto turn = co_await editing_.take();
  CO_TRYV(check_name(request.name, "/name"));
  if (request.domains.size() > most_domains) co_return wrong("1,000 domains at most", "/domains");
  Family row;
  row.id = random_uuid();
  row.name = request.name;
  row.cookie = Secret(random_hex(16));
  row.created_at = clock_.now();
  CO_TRYV(co_await apply(request, row));
  for (std::size_t i = 0; i < request.domains.size(); ++i) {
    auto domain = domain_of(request.domains[i], row);
    if (!domain)
      co_return at(domain.error(), fmt::format("/domains/{}{}", i, domain.error().field));
    row.domains.push_back(*std::move(domain));
  }
  CO_TRYV(co_await catalogue_.put(row));
  co_return view_of(row);
}

Task<FamilyView> Families::update(UpdateFamily request, ops::Caller) {
  auto turn = co_await editing_.take();
  CO_TRY(auto row, catalogue_.family(request.id));
  if (request.name) {
    CO_TRYV(check_name(*request.name, "/name"));
    row.name = *request.name;
  }
  CO_TRYV(co_await apply(request, row));
  CO_TRYV(co_await catalogue_.put(row));
  co_return view_of(row);
}

Task<ops::Page<FamilyView>> Families::list(ops::PageRequest request, ops::Caller) {
  std::vector<FamilyView> all;
  for (auto& family : catalogue_.families()) all.push_back(view_of(family));
  CO_TRY(auto added, co_await catalogue_.added_families());
  for (auto& family : added) all.push_back(view_of(family));
  std::sort(all.begin(), all.end(),
            [](const FamilyView& a, const FamilyView& b) { return a.name < b.name; });
  co_return ops::page_of(all, request, [](const FamilyView& view) { return view.name; });
}

Task<FamilyView> Families::get(ById request, ops::Caller) {
  if (auto row = catalogue_.family(request.id)) co_return view_of(*row);
  CO_TRY(auto added, co_await catalogue_.added_families());
  for (auto& family : added)
    if (family.id == request.id || family.name == request.id) co_return view_of(family);
  co_return Error(Errc::not_found, "no node family '" + request.id + "'");
}

Task<FamilyView> Families::erase(ById request, ops::Caller) {
  auto turn = co_await editing_.take();
  CO_TRY(auto row, catalogue_.family(request.id));
  for (auto& family : catalogue_.families())
    for (auto& neighbor : family.neighbors)
      if (neighbor.family_id == row.id && family.id != row.id)
        co_return Error(Errc::conflict,
                        "family " + row.name + " is a neighbor of family " + family.name);
  if (auto& used = catalogue_.uses().family)
    if (auto by = used(row.id); !by.empty())
      co_return Error(Errc::conflict, "family " + row.name + " has " + by + ": delete them first");
  auto last = view_of(row);
  CO_TRYV(co_await catalogue_.erase_family(row.id));
  co_return last;
}

Task<FamilyView> Families::set_release(SetRelease request, ops::Caller) {
  auto turn = co_await editing_.take();
  CO_TRY(auto row, catalogue_.family(request.family));
  auto release = catalogue_.release(request.release);
  if (!release) co_return at(std::move(release).error(), "/release");
  row.release_id = release->id;
  CO_TRYV(co_await catalogue_.put(row));
  co_return view_of(row);
}

Task<FamilyView> Families::set_firewall(SetFirewall request, ops::Caller) {
  auto turn = co_await editing_.take();
  CO_TRY(auto row, catalogue_.family(request.family));
  CO_TRYV(check_firewall(request.firewall));
  row.firewall = request.firewall;
  CO_TRYV(co_await catalogue_.put(row));
  co_return view_of(row);
}

Task<DomainView> Families::add_domain(AddDomain request, ops::Caller) {
  auto turn = co_await editing_.take();
  CO_TRY(auto row, catalogue_.family(request.family));
  if (row.domains.size() >= most_domains)
    co_return wrong("1,000 domains at most: family " + row.name + " has them", "/family");
  CO_TRY(auto domain, domain_of(request, row));
  row.domains.push_back(domain);
  CO_TRYV(co_await catalogue_.put(row));
  co_return view_of(domain);
}

Task<ops::Page<DomainView>> Families::list_domains(ListDomains request, ops::Caller) {
  CO_TRY(auto row, catalogue_.family(request.family));
  std::vector<DomainView> all;
  for (auto& domain : row.domains) all.push_back(view_of(domain));
  std::sort(all.begin(), all.end(),
            [](const DomainView& a, const DomainView& b) { return a.id < b.id; });
  co_return ops::page_of(all, request, [](const DomainView& view) { return view.id; });
}

Task<DomainView> Families::delete_domain(DeleteDomain request, ops::Caller) {
  auto turn = co_await editing_.take();
  CO_TRY(auto row, catalogue_.family(request.family));
  auto found = std::find_if(row.domains.begin(), row.domains.end(),
                            [&](const Domain& d) { return d.id == request.domain; });
  if (found == row.domains.end())
    co_return Error(Errc::not_found,
                    "family " + row.name + " has no domain '" + request.domain + "'");
  if (auto& used = catalogue_.uses().domain)
    if (auto by = used(found->id); !by.empty())
      co_return Error(Errc::conflict, "the domain has " + by + ": delete them first");
  auto last = view_of(*found);
  row.domains.erase(found);
  CO_TRYV(co_await catalogue_.put(row));
  co_return last;
}

std::vector<ops::Operation> Families::operations() {
  using ops::Role;
  /// Every family path of ours is also reachable under the two other spellings.
  auto row = [](std::string name, std::string verb, std::string rest, Role role, std::string doc) {
    auto made =
        entry_row("node_families", std::move(name), std::move(verb), rest, role, std::move(doc));
    made.http.alias_paths.insert(made.http.alias_paths.begin(), "/api/topo/node_families" + rest);
    return made;
  };
  ops::Rows rows("orchestration", *this);
  auto create_row = row("create_node_family", "POST", "", Role::admin,
                        "Makes a node family, in one request or for the sub-resources to complete");
  create_row.http.wrapper = "node_family";
  create_row.http.status = 201;
  rows.add(create_row, &Families::create);
  auto update_row = row("update_node_family", "PATCH", "/:id", Role::admin,
                        "Changes the members given, for nodes deployed or started from now on");
  update_row.http.wrapper = "node_family";
  rows.add(update_row, &Families::update);
  rows.add(row("list_node_families", "GET", "", Role::viewer, "All node families, added ones too"),
           &Families::list);
  auto get_row = row("get_node_family", "GET", "/:id", Role::viewer, "One node family");
  get_row.subject.family = "id";
  rows.add(get_row, &Families::get);
  rows.add(row("delete_node_family", "DELETE", "/:id", Role::admin,
               "Forgets a node family without nodes"),
           &Families::erase);
  rows.add(row("set_release", "POST", "/:family/release", Role::admin,
               "Says which release new nodes of the family run"),
           &Families::set_release);
  auto firewall_row = row("set_firewall", "POST", "/:family/firewall", Role::admin,
                          "Replaces the rules for machines that a provider makes");
  firewall_row.http.body_member = "firewall";
  rows.add(firewall_row, &Families::set_firewall);
  auto domain_row = row("add_domain", "POST", "/:family/domains", Role::admin,
                        "Adds a provider that nodes of the family may be deployed on");
  domain_row.http.status = 201;
  rows.add(domain_row, &Families::add_domain);
  auto domains_row = row("list_domains", "GET", "/:family/domains", Role::viewer,
                         "The deployment domains of a family");
  domains_row.subject.family = "family";
  rows.add(domains_row, &Families::list_domains);
  rows.add(row("delete_domain", "DELETE", "/:family/domains/:domain", Role::admin,
               "Removes a deployment domain without nodes"),
           &Families::delete_domain);
  return rows.take();
}

}  // namespace muster::orchestration
