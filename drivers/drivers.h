#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "drivers/driver.h"
#include "drivers/hosts.h"

namespace muster::drivers {

/// A member of the description of a provider.
struct Field {
  enum class Kind { text, secret, url, servers, folder };
  std::string_view name;
  Kind kind = Kind::text;
  bool required = true;
  std::string_view doc;
};

/// One row of the table of drivers: a kind of provider that can be stored.
struct ProviderType {
  using Make = Result<std::unique_ptr<Driver>> (*)(const boost::json::object& options, Hosts&);

  std::string_view name;  ///< "physical", "local", "hp"
  std::string_view doc;
  std::span<const Field> fields;
  Make make = nullptr;  ///< none: nothing can be deployed there yet
};

/// The type named so; `virtual_provider` counts when the name is "virtual" (RELEASE D4.3: `type`
/// virtual, `vprovider` hp). Errors: bad_request with field /type or /vprovider, naming those
/// known.
Result<const ProviderType*> find_provider_type(std::string_view name,
                                               std::string_view virtual_provider = {});

/// Checks the members of a provider, without `name`, `type` and `vprovider`: unknown, missing or of
/// the wrong kind is bad_request with the field.
Result<> check_options(const ProviderType& type, const boost::json::object& options);

/// The options without what must not be shown: what a reply may carry.
boost::json::object without_secrets(const ProviderType& type, const boost::json::object& options);

/// A driver at work. Errors: bad_request as check_options; `unsupported` for a type that can only
/// be stored so far.
Result<std::unique_ptr<Driver>> make_driver(const ProviderType& type,
                                            const boost::json::object& options, Hosts& hosts);

}  // namespace muster::drivers
