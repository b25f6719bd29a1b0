#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "drivers/hosts.h"
#include "ops/base64.h"
#include "ops/table.h"
#include "services/orchestration/families.h"
#include "services/orchestration/providers.h"
#include "services/orchestration/releases.h"
#include "tests/unit/support/loop.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::orchestration {

/// A tar.gz of files with their contents.
inline std::string packed(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string bytes(1 << 20, '\0');
  std::size_t used = 0;
  auto* out = archive_write_new();
  archive_write_set_format_pax_restricted(out);
  archive_write_add_filter_gzip(out);
  archive_write_open_memory(out, bytes.data(), bytes.size(), &used);
  for (auto& [name, text] : files) {
    auto* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(text.size()));
    archive_write_header(out, entry);
    archive_write_data(out, text.data(), text.size());
    archive_entry_free(entry);
  }
  archive_write_close(out);
  archive_write_free(out);
  bytes.resize(used);
  return bytes;
}

/// The catalogue with its operations over a database in memory, called as the REST door does.
class CatalogueTest : public testing::Test {
 protected:
  CatalogueTest() { start(); }

  /// As after a restart: only the database and the folder are kept.
  void start() {
    table = std::make_unique<ops::Table>();
    catalogue = std::make_unique<Catalogue>(CatalogueRows(*database, cipher), hosts, directory);
    auto public_key = [] { return Result<std::string>("ssh-ed25519 AAAA muster"); };
    providers = std::make_unique<Providers>(*catalogue, public_key, clock);
    releases = std::make_unique<Releases>(*catalogue, ReleaseStore(pool, directory), clock);
    families = std::make_unique<Families>(*catalogue, clock);
    table->add(providers->operations());
    table->add(releases->operations());
    table->add(families->operations());
    auto started = wait(catalogue->start());
    EXPECT_TRUE(started) << started.error().text();
  }

  template <class R>
  R wait(asio::awaitable<R> task) {
    return test::finish(io, std::move(task));
  }

  Result<json::value> rest(const std::string& verb, const std::string& path,
                           json::value body = json::object()) {
    auto route = table->route(verb, path);
    auto* match = std::get_if<ops::Table::Match>(&route);
    if (!match) return Error(Errc::not_found, verb + " " + path + " has no operation");
    auto& http = match->operation->row().http;
    if (!http.wrapper.empty() && body.is_object() && body.as_object().size() == 1)
      if (auto* inner = body.as_object().if_contains(http.wrapper); inner && inner->is_object())
        body = json::value(*inner);
    if (body.is_array()) body = json::object{{http.body_member, body}};
    for (auto& [name, value] : match->parameters) body.as_object()[name] = value;
    return wait(match->operation->call(std::move(body), admin));
  }
  /// The reply, or a failed test.
  json::value ok(const std::string& verb, const std::string& path,
                 json::value body = json::object()) {
    auto reply = rest(verb, path, std::move(body));
    EXPECT_TRUE(reply) << verb << ' ' << path << ": " << (reply ? "" : reply.error().text())
                       << (reply ? "" : reply.error().field);
    return reply ? *std::move(reply) : json::value(json::object());
  }
  Error refused(const std::string& verb, const std::string& path,
                json::value body = json::object()) {
    auto reply = rest(verb, path, std::move(body));
    EXPECT_FALSE(reply) << verb << ' ' << path << " was accepted";
    return reply ? Error() : std::move(reply).error();
  }

  /// A body of tests/fixtures/listings with its ids filled.
  static json::value listing(const std::string& name,
                             const std::map<std::string, std::string>& ids = {}) {
    std::ifstream in(std::string(MUSTER_SOURCE_DIR "/tests/fixtures/listings/") + name + ".json");
    std::stringstream text;
    text << in.rdbuf();
    auto body = text.str();
    for (auto& [id, value] : ids) {
      auto mark = "\"$" + id + "\"";
      if (auto at = body.find(mark); at != body.npos)
        body.replace(at, mark.size(), json::serialize(json::value(value)));
    }
    return json::parse(body);
  }
  static std::string id_of(const json::value& reply) {
    return std::string(std::string_view(reply.at("id").as_string()));
  }

  asio::io_context io;
  asio::thread_pool pool{1};
  SystemClock clock;
  test::TemporaryFolder temporary;
  const std::filesystem::path directory = temporary.path;
  std::unique_ptr<store::Database> database = std::move(*store::Database::open_in_memory());
  store::Cipher cipher{Secret(std::string(32, 'k'))};
  drivers::Hosts hosts{io.get_executor(), pool, {directory / "ssh", {}, false}};
  std::unique_ptr<ops::Table> table;
  std::unique_ptr<Catalogue> catalogue;
  std::unique_ptr<Providers> providers;
  std::unique_ptr<Releases> releases;
  std::unique_ptr<Families> families;
  ops::Caller admin{"test", ops::Role::admin, {}, {}};
};

}  // namespace muster::orchestration
