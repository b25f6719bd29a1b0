#include "services/orchestration/providers.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/url.hpp>

#include "base/random.h"
#include "ops/rows.h"
#include "services/orchestration/entry_row.h"
#include "services/orchestration/names.h"

namespace muster::orchestration {
namespace {

/// Puts the members that were given where the driver looks for them.
void add_options(const ProviderOptions& given, json::object& options) {
  auto text = [&](const char* name, const std::optional<std::string>& value) {
    if (value) options[name] = *value;
  };
  text("username", given.username);
  text("endpoint", given.endpoint);
  text("auth_url", given.auth_url);
  text("tenant_name", given.tenant_name);
  text("service_region", given.service_region);
  text("node_host", given.node_host);
  text("folder", given.folder);
  if (given.password) options["password"] = given.password->reveal();
  if (given.servers) options["servers"] = *given.servers;
}

/// Replies show them.
Result<> check_urls(const ProviderOptions& given) {
  auto check = [](const char* name, const std::optional<std::string>& url) -> Result<> {
    if (!url) return {};
    auto parsed = boost::urls::parse_uri(*url);
    if (parsed && parsed->has_userinfo())
      return Error(Errc::bad_request, "no user or password in it: it is shown",
                   std::string("/") + name);
    return {};
  };
  TRYV(check("endpoint", given.endpoint));
  return check("auth_url", given.auth_url);
}

/// The type asked for. Without one (the older slides have none) it is the provider's name that
/// tells, when a type is called so.
Result<const drivers::ProviderType*> type_of(const CreateProvider& request) {
  if (request.type || request.vprovider)
    return drivers::find_provider_type(request.type.value_or("virtual"),
                                       request.vprovider.value_or(""));
  std::string name = request.name;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  auto type = drivers::find_provider_type(name);
  if (type) return type;
  return Error(Errc::bad_request, "a provider needs its type: physical, local, or virtual",
               "/type");
}

const drivers::Machine* find_machine(drivers::Driver& driver, const std::string& id) {
  auto& machines = driver.machines();
  auto at = std::find_if(machines.begin(), machines.end(),
                         [&](const drivers::Machine& machine) { return machine.id == id; });
  return at == machines.end() ? nullptr : &*at;
}

/// What is in a reply: no passwords, and no paths of this machine.
json::object shown(const Provider& provider) {
  auto type = drivers::find_provider_type(provider.type);
  json::object opts = type ? drivers::without_secrets(**type, provider.options) : json::object();
  opts.erase("folder");
  if (auto* servers = opts.if_contains("servers"); servers && servers->is_array())
    for (auto& server : servers->as_array())
      if (auto* object = server.if_object()) object->erase("key");
  return opts;
}

}  // namespace

ProviderView view_of(const Provider& provider) {
  auto type = drivers::find_provider_type(provider.type);
  bool can_deploy = type && (*type)->make;
  return {provider.id,   provider.id, provider.name,   provider.description,
          provider.type, can_deploy,  shown(provider), provider.created_at};
}

Task<ProviderView> Providers::create(CreateProvider request, ops::Caller) {
  CO_TRYV(check_name(request.name, "/name"));
  CO_TRYV(check_urls(request));
  CO_TRY(auto* type, type_of(request));
  Provider row{random_uuid(),           request.name, request.description.value_or(""),
               std::string(type->name), {},           clock_.now()};
  add_options(request, row.options);
  CO_TRYV(drivers::check_options(*type, row.options));
  CO_TRYV(co_await catalogue_.put(row));
  co_return view_of(row);
}

Task<ops::Page<ProviderView>> Providers::list(ops::PageRequest request, ops::Caller) {
  std::vector<ProviderView> all;
  for (auto& provider : catalogue_.providers()) all.push_back(view_of(provider));
  co_return ops::page_of(all, request, [](const ProviderView& view) { return view.name; });
}

Task<ProviderView> Providers::get(ById request, ops::Caller) {
  CO_TRY(auto row, catalogue_.provider(request.id));
  co_return view_of(row);
}

Task<ProviderView> Providers::update(UpdateProvider request, ops::Caller) {
  auto turn = co_await editing_.take();
  CO_TRY(auto row, catalogue_.provider(request.id));
  if (request.name) {
    CO_TRYV(check_name(*request.name, "/name"));
    row.name = *request.name;
  }
  if (request.description) row.description = *request.description;
  CO_TRYV(check_urls(request));
  add_options(request, row.options);
  CO_TRY(auto* type, drivers::find_provider_type(row.type));
  CO_TRYV(drivers::check_options(*type, row.options));
  CO_TRYV(keeps_what_is_used(row));
  CO_TRYV(co_await catalogue_.put(row));
  co_return view_of(row);
}

/// What lies on a machine can be reached and removed only as long as the provider leads there.
Result<> Providers::keeps_what_is_used(const Provider& row) {
  auto& machines = catalogue_.uses().machines;
  auto uses = machines ? machines(row.id) : std::vector<Catalogue::Uses::Machine>();
  if (uses.empty()) return {};
  TRY(auto* before, catalogue_.driver(row.id));
  TRY(auto after, catalogue_.make_driver(row));
  for (auto& use : uses) {
    auto* was = find_machine(*before, use.id);
    if (was == nullptr) continue;
    auto* is = find_machine(*after, use.id);
    auto user = [&](const drivers::Machine& at) { return at.user.empty() ? use.user : at.user; };
    if (is != nullptr && is->folder == was->folder && user(*is) == user(*was)) continue;
    return Error(Errc::conflict,
                 fmt::format("on machine '{}' there is {}, which would be left behind: keep the "
                             "machine with its user and folder, or delete that first",
                             use.id, use.by),
                 is == nullptr || is->folder == was->folder ? "/servers" : "/folder");
  }
  return {};
}

Task<ProviderView> Providers::erase(ById request, ops::Caller) {
  auto turn = co_await editing_.take();
  CO_TRY(auto row, catalogue_.provider(request.id));
  for (auto& family : catalogue_.families())
    for (auto& domain : family.domains)
      if (domain.provider_id == row.id)
        co_return Error(Errc::conflict, "provider " + row.name + " is used by a domain of family " +
                                            family.name + ": delete that first");
  if (auto& used = catalogue_.uses().provider)
    if (auto by = used(row.id); !by.empty())
      co_return Error(Errc::conflict, "provider " + row.name + " is used by " + by);
  CO_TRYV(co_await catalogue_.erase_provider(row.id));
  co_return view_of(row);
}

Task<SshKey> Providers::ssh_key(ops::Empty, ops::Caller) {
  CO_TRY(auto key, public_key_());
  co_return SshKey{std::move(key)};
}

std::vector<ops::Operation> Providers::operations() {
  using ops::Role;
  auto row = [](std::string name, std::string verb, std::string rest, Role role, std::string doc) {
    return entry_row("providers", std::move(name), std::move(verb), rest, role, std::move(doc));
  };
  ops::Rows rows("orchestration", *this);
  auto create_row =
      row("create_provider", "POST", "", Role::admin, "Stores a provider of machines");
  create_row.http.wrapper = "provider";
  create_row.http.status = 201;
  rows.add(create_row, &Providers::create);
  rows.add(row("list_providers", "GET", "", Role::viewer, "All providers, without their passwords"),
           &Providers::list);
  rows.add(row("get_provider", "GET", "/:id", Role::viewer, "One provider, without its password"),
           &Providers::get);
  auto update_row =
      row("update_provider", "PATCH", "/:id", Role::admin,
          "Changes the members given; machines on which something lies stay as they are");
  update_row.http.wrapper = "provider";
  rows.add(update_row, &Providers::update);
  rows.add(
      row("delete_provider", "DELETE", "/:id", Role::admin, "Forgets a provider that nothing uses"),
      &Providers::erase);
  ops::Row key_row{"orchestration",
                   "ssh_key",
                   {"GET", "/api/orch/ssh_key"},
                   Role::viewer,
                   "The public key to authorize on the hosts"};
  rows.add(key_row, &Providers::ssh_key);
  return rows.take();
}

}  // namespace muster::orchestration
