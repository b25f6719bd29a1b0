#include "drivers/drivers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/clean_text.h"
#include "drivers/local/local_driver.h"
#include "drivers/physical/physical_driver.h"
#include "drivers/physical/servers.h"

namespace muster::drivers {
namespace {

namespace json = boost::json;
using Kind = Field::Kind;

constexpr std::array<Field, 1> kPhysical{{
    {"servers", Kind::servers, true,
     "hosts that run already: host, host:port, or {host, node_host, user, port, key, attributes}"},
}};
constexpr std::array<Field, 2> kLocal{{
    {"node_host", Kind::text, false, "host part of the names of its nodes (127.0.0.1)"},
    {"folder", Kind::folder, false, "where nodes are put (the daemon's home)"},
}};
constexpr std::array<Field, 3> kKeys{{
    {"username", Kind::text, true, "access key"},
    {"password", Kind::secret, true, "secret key"},
    {"endpoint", Kind::url, false, "address of the API, where it is not the provider's own"},
}};
constexpr std::array<Field, 5> kOpenstack{{
    {"username", Kind::text, true, "user"},
    {"password", Kind::secret, true, "password"},
    {"auth_url", Kind::url, true, "address of the identity service"},
    {"tenant_name", Kind::text, true, "tenant, or project"},
    {"service_region", Kind::text, true, "region"},
}};
constexpr std::array<Field, 3> kRackspace{{
    {"username", Kind::text, true, "user"},
    {"password", Kind::secret, true, "password"},
    {"service_region", Kind::text, true, "region"},
}};
constexpr std::array<Field, 3> kPrivateCloud{{
    {"username", Kind::text, true, "user or API key"},
    {"password", Kind::secret, true, "password or secret key"},
    {"endpoint", Kind::url, true, "address of the API"},
}};
constexpr std::array<Field, 3> kGce{{
    {"username", Kind::text, true, "service account"},
    {"password", Kind::secret, true, "its private key"},
    {"tenant_name", Kind::text, true, "project"},
}};

/// The table of drivers. A type without a maker can be stored and listed, not deployed on.
constexpr std::array<ProviderType, 10> kTypes{{
    {"physical", "machines that run already, by SSH", kPhysical, make_physical_driver},
    {"local", "this machine, without SSH", kLocal, make_local_driver},
    {"ec2", "Amazon EC2", kKeys},
    {"eucalyptus", "Eucalyptus", kPrivateCloud},
    {"openstack", "OpenStack", kOpenstack},
    {"hp", "HP Cloud (OpenStack)", kOpenstack},
    {"rackspace", "Rackspace", kRackspace},
    {"cloudstack", "Apache CloudStack", kPrivateCloud},
    {"opennebula", "OpenNebula", kPrivateCloud},
    {"gce", "Google Compute Engine", kGce},
}};

Error wrong(std::string message, std::string_view field) {
  return Error(Errc::bad_request, std::move(message), "/" + std::string(field));
}

Result<> check_field(const Field& field, const json::value& value) {
  if (field.kind == Kind::servers) {
    auto servers = parse_servers(value);
    if (!servers) return servers.error();
    return {};
  }
  if (!value.is_string() || value.get_string().empty()) return wrong("text is wanted", field.name);
  const std::string_view text = value.get_string();
  if (field.kind == Kind::url && !text.starts_with("http://") && !text.starts_with("https://"))
    return wrong("an address that begins with https:// is wanted", field.name);
  if (field.kind == Kind::folder && !text.starts_with('/'))
    return wrong("must be an absolute path", field.name);
  if (field.kind != Kind::secret && (text.size() > 4096 || !is_printable(text)))
    return wrong("must be at most 4,096 bytes of printable characters", field.name);
  return {};
}

}  // namespace

Result<const ProviderType*> find_provider_type(std::string_view name,
                                               std::string_view virtual_provider) {
  const bool is_virtual = name == "virtual";
  if (!is_virtual && !virtual_provider.empty())
    return wrong("vprovider goes with the type virtual only", "vprovider");
  const auto wanted = is_virtual ? virtual_provider : name;
  std::string known;
  for (const auto& type : kTypes) {
    if (is_virtual && (type.name == "physical" || type.name == "local")) continue;
    if (type.name == wanted) return &type;
    known += known.empty() ? "" : ", ";
    known += type.name;
  }
  return wrong(fmt::format("no provider type '{}'; there are {}", clean_text(wanted, 200), known),
               is_virtual ? "vprovider" : "type");
}

Result<> check_options(const ProviderType& type, const json::object& options) {
  for (const auto& member : options) {
    const std::string_view key = member.key();
    const auto* field = std::find_if(type.fields.data(), type.fields.data() + type.fields.size(),
                                     [&](const Field& f) { return f.name == key; });
    if (field == type.fields.data() + type.fields.size())
      return wrong(fmt::format("a provider of type {} has no such member", type.name), key);
    TRYV(check_field(*field, member.value()));
  }
  for (const auto& field : type.fields) {
    if (field.required && !options.contains(field.name))
      return wrong(fmt::format("a provider of type {} needs it: {}", type.name, field.doc),
                   field.name);
  }
  return {};
}

json::object without_secrets(const ProviderType& type, const json::object& options) {
  json::object shown = options;
  for (const auto& field : type.fields)
    if (field.kind == Kind::secret && shown.contains(field.name)) shown[field.name] = "********";
  return shown;
}

Result<std::unique_ptr<Driver>> make_driver(const ProviderType& type, const json::object& options,
                                            Hosts& hosts) {
  TRYV(check_options(type, options));
  if (type.make == nullptr)
    return Error(Errc::unsupported,
                 fmt::format("there is no driver for providers of type {} yet", type.name));
  return type.make(options, hosts);
}

}  // namespace muster::drivers
