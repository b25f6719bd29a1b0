#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ops/convert.h"
#include "services/orchestration/rows.h"
#include "services/orchestration/settings.h"

/// What the operations on providers, releases and families take and give. Names are ours; the
/// aliases are those of RELEASE D4.3 and its older slides.
namespace muster::orchestration {

/// Anything by its UUID or unique name.
struct ById {
  std::string id;

  static constexpr ops::Alias aliases[] = {{"uuid", "id"}, {"name", "id"}};
};
BOOST_DESCRIBE_STRUCT(ById, (), (id))

// Providers.

/// What the types of providers take: the members of the table of drivers.
struct ProviderOptions {
  std::optional<std::string> username, endpoint, auth_url, tenant_name, service_region, node_host,
      folder;
  std::optional<Secret> password;
  std::optional<json::value> servers;
};
BOOST_DESCRIBE_STRUCT(ProviderOptions, (),
                      (username, endpoint, auth_url, tenant_name, service_region, node_host, folder,
                       password, servers))

struct CreateProvider : ProviderOptions {
  std::string name;
  std::optional<std::string> description, type, vprovider;

  static constexpr ops::Doc docs[] = {
      {"type", "physical, local, virtual (then vprovider says which), or a cloud's own name"},
      {"vprovider", "ec2, hp, rackspace, openstack, …"},
      {"servers",
       "of physical: host, host:port, or {host, node_host, user, port, key, attributes}"},
      {"password", "stored encrypted, never given out"}};
};
BOOST_DESCRIBE_STRUCT(CreateProvider, (ProviderOptions), (name, description, type, vprovider))

struct UpdateProvider : ProviderOptions {
  std::string id;
  std::optional<std::string> name, description;

  static constexpr ops::Alias aliases[] = {{"uuid", "id"}};
};
BOOST_DESCRIBE_STRUCT(UpdateProvider, (ProviderOptions), (id, name, description))

struct ProviderView {
  std::string id, uuid, name, description, type;
  bool can_deploy = false;  ///< false: it can only be stored so far
  json::value opts;         ///< without passwords, keys and folders
  Timestamp created_at;
};
BOOST_DESCRIBE_STRUCT(ProviderView, (),
                      (id, uuid, name, description, type, can_deploy, opts, created_at))

struct SshKey {
  std::string public_key;
};
BOOST_DESCRIBE_STRUCT(SshKey, (), (public_key))

// Releases.

enum class ReleaseState { empty, uploaded };
BOOST_DESCRIBE_ENUM(ReleaseState, empty, uploaded)

struct CreateRelease {
  std::string name;
  std::optional<std::string> description, start_cmd, stop_cmd;
  std::optional<Secret> cookie;
  std::optional<Role> role;
  std::vector<std::string> node_name_templates;
  std::optional<StartMode> start_mode;
  std::optional<ops::Blob> release;

  static constexpr ops::Alias aliases[] = {{"tarball", "release"},
                                           {"templates", "node_name_templates"},
                                           {"start_command", "start_cmd"},
                                           {"stop_command", "stop_cmd"}};
  static constexpr ops::Doc docs[] = {
      {"start_cmd", "run in the node's folder; not needed to store a release, but to start it"},
      {"cookie", "the one the release has; absent: random per node family"},
      {"role", "what its nodes may do here, with that cookie; none when absent"},
      {"node_name_templates", "files in which {{ node_name }} and others are filled"},
      {"start_mode", "daemon: start_cmd returns; foreground: it is detached; systemd: user unit"},
      {"release", "the tar.gz as base64; or upload it afterwards"}};
};
BOOST_DESCRIBE_STRUCT(CreateRelease, (),
                      (name, description, start_cmd, stop_cmd, cookie, role, node_name_templates,
                       start_mode, release))

struct UpdateRelease {
  std::string id;
  std::optional<std::string> name, description, start_cmd, stop_cmd;
  std::optional<Secret> cookie;
  std::optional<Role> role;
  std::optional<std::vector<std::string>> node_name_templates;
  std::optional<StartMode> start_mode;

  static constexpr ops::Alias aliases[] = {{"uuid", "id"},
                                           {"templates", "node_name_templates"},
                                           {"start_command", "start_cmd"},
                                           {"stop_command", "stop_cmd"}};
};
BOOST_DESCRIBE_STRUCT(UpdateRelease, (),
                      (id, name, description, start_cmd, stop_cmd, cookie, role,
                       node_name_templates, start_mode))

struct ReleaseView {
  std::string id, uuid, name, description;
  ReleaseState state = ReleaseState::empty;
  std::string start_cmd, stop_cmd;
  StartMode start_mode = StartMode::daemon;
  Role role = Role::none;
  std::vector<std::string> templates;
  std::optional<std::string> sha256;
  std::optional<std::uint64_t> size;
  Timestamp created_at;
};
BOOST_DESCRIBE_STRUCT(ReleaseView, (),
                      (id, uuid, name, description, state, start_cmd, stop_cmd, start_mode, role,
                       templates, sha256, size, created_at))

// Families.

struct DomainSettings {
  std::string provider;
  std::optional<std::string> ssh_user, hw_profile, vdisk, type;

  static constexpr ops::Alias aliases[] = {{"provider_id", "provider"},
                                           {"ssh_username", "ssh_user"},
                                           {"hardware_profile", "hw_profile"},
                                           {"virtual_disk", "vdisk"}};
  static constexpr ops::Doc docs[] = {
      {"ssh_user", "who logs in, where the provider does not say so itself"},
      {"hw_profile", "of machines that the provider makes"},
      {"vdisk", "image of machines that the provider makes"}};
};
BOOST_DESCRIBE_STRUCT(DomainSettings, (), (provider, ssh_user, hw_profile, vdisk, type))

struct AddDomain : DomainSettings {
  std::string family;

  static constexpr ops::Alias aliases[] = {
      {"provider_id", "provider"}, {"ssh_username", "ssh_user"}, {"hardware_profile", "hw_profile"},
      {"virtual_disk", "vdisk"},   {"family_id", "family"},      {"node_family", "family"}};
};
BOOST_DESCRIBE_STRUCT(AddDomain, (DomainSettings), (family))

struct DeleteDomain {
  std::string family, domain;

  static constexpr ops::Alias aliases[] = {
      {"family_id", "family"}, {"node_family", "family"}, {"domain_id", "domain"}};
};
BOOST_DESCRIBE_STRUCT(DeleteDomain, (), (family, domain))

/// The members that making and changing a family have in common.
struct FamilyFields {
  std::optional<std::string> description;
  std::optional<Selection> bootstrap_node_selection;
  std::optional<Strategy> bootstrap_strategy;
  std::optional<StrategyOptions> bootstrap_strategy_opts;
  std::optional<BootstrapSettings> clustering_strategy;
  std::optional<std::vector<NeighborSettings>> neighbors;
  std::optional<std::string> release;
  std::optional<std::vector<FirewallRule>> firewall;
  std::optional<PortRange> dist_ports;
  std::optional<Role> role;
  std::optional<std::map<std::string, Secret>> env, variables;
};
BOOST_DESCRIBE_STRUCT(FamilyFields, (),
                      (description, bootstrap_node_selection, bootstrap_strategy,
                       bootstrap_strategy_opts, clustering_strategy, neighbors, release, firewall,
                       dist_ports, role, env, variables))

struct CreateFamily : FamilyFields {
  std::string name;
  std::vector<DomainSettings> domains;

  static constexpr ops::Alias aliases[] = {{"node_selection", "bootstrap_node_selection"},
                                           {"strategy", "bootstrap_strategy"},
                                           {"strategy_opts", "bootstrap_strategy_opts"},
                                           {"bootstrap", "clustering_strategy"},
                                           {"release_id", "release"},
                                           {"firewall_rules", "firewall"}};
  static constexpr ops::Doc docs[] = {
      {"bootstrap_node_selection",
       "which node of the family a new one is given: none, random, first, {node, Id}, all"},
      {"bootstrap_strategy",
       "none; distributed_erlang: the two are connected; custom: a command of the release is run "
       "with that node's name"},
      {"bootstrap_strategy_opts", "of custom: cmd and args"},
      {"clustering_strategy", "the three above as one object {node_selection, strategy, opts}"},
      {"neighbors",
       "other families that new nodes also connect to; one connected pair merges whole meshes"},
      {"dist_ports", "{min, max}: filled into the templates"},
      {"role", "what its nodes may do here, with their cookie; when absent what the release says"},
      {"env", "variables for every command on a node's host"},
      {"variables", "more {{ names }} for the templates"}};
};
BOOST_DESCRIBE_STRUCT(CreateFamily, (FamilyFields), (name, domains))

struct UpdateFamily : FamilyFields {
  std::string id;
  std::optional<std::string> name;

  static constexpr ops::Alias aliases[] = {{"uuid", "id"},
                                           {"family", "id"},
                                           {"node_selection", "bootstrap_node_selection"},
                                           {"strategy", "bootstrap_strategy"},
                                           {"strategy_opts", "bootstrap_strategy_opts"},
                                           {"bootstrap", "clustering_strategy"},
                                           {"release_id", "release"},
                                           {"firewall_rules", "firewall"}};
};
BOOST_DESCRIBE_STRUCT(UpdateFamily, (FamilyFields), (id, name))

struct SetRelease {
  std::string family, release;

  static constexpr ops::Alias aliases[] = {
      {"family_id", "family"}, {"node_family", "family"}, {"release_id", "release"}};
};
BOOST_DESCRIBE_STRUCT(SetRelease, (), (family, release))

struct SetFirewall {
  std::string family;
  std::vector<FirewallRule> firewall;

  static constexpr ops::Alias aliases[] = {
      {"family_id", "family"}, {"node_family", "family"}, {"firewall_rules", "firewall"}};
};
BOOST_DESCRIBE_STRUCT(SetFirewall, (), (family, firewall))

struct ListDomains : ops::PageRequest {
  std::string family;

  static constexpr ops::Alias aliases[] = {{"family_id", "family"}, {"node_family", "family"}};
};
BOOST_DESCRIBE_STRUCT(ListDomains, (ops::PageRequest), (family))

struct DomainView {
  std::string id, uuid, family_id, provider, provider_id, ssh_user, hw_profile, vdisk, type;
};
BOOST_DESCRIBE_STRUCT(DomainView, (),
                      (id, uuid, family_id, provider, provider_id, ssh_user, hw_profile, vdisk,
                       type))

enum class FamilyOrigin { added, deployed };
BOOST_DESCRIBE_ENUM(FamilyOrigin, added, deployed)

struct FamilyView {
  std::string id, uuid, name, description;
  FamilyOrigin origin = FamilyOrigin::deployed;
  std::uint64_t node_count = 0;
  std::optional<Selection> node_selection;
  std::optional<Strategy> bootstrap_strategy;
  std::optional<StrategyOptions> bootstrap_strategy_opts;
  std::vector<NeighborSettings> neighbors;
  std::optional<std::string> release, release_id;
  std::vector<FirewallRule> firewall;
  std::vector<DomainView> domains;
  std::optional<PortRange> dist_ports;
  std::optional<Role> role;
  std::vector<std::string> env, variables;  ///< their names only: values may be secrets
};
BOOST_DESCRIBE_STRUCT(FamilyView, (),
                      (id, uuid, name, description, origin, node_count, node_selection,
                       bootstrap_strategy, bootstrap_strategy_opts, neighbors, release, release_id,
                       firewall, domains, dist_ports, role, env, variables))

}  // namespace muster::orchestration

namespace muster::ops {
template <>
inline constexpr bool upper_case<orchestration::ReleaseState> = true;
}  // namespace muster::ops
