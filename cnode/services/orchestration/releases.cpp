#include "services/orchestration/releases.h"

#include "base/log.h"
#include "base/random.h"
#include "mesh/node_spec.h"
#include "ops/rows.h"
#include "services/orchestration/entry_row.h"
#include "services/orchestration/names.h"

namespace muster::orchestration {
namespace {

constexpr std::uint64_t upload_limit = std::uint64_t{1} << 30;
constexpr std::uint64_t base64_limit = std::uint64_t{256} << 20;

Result<> check(const Release& row) {
  TRYV(check_name(row.name, "/name"));
  TRYV(check_command(row.start_cmd, "/start_cmd"));
  TRYV(check_command(row.stop_cmd, "/stop_cmd"));
  if (row.cookie) TRYV(mesh::check_cookie(row.cookie->reveal(), "/cookie"));
  if (row.templates.size() > 100)
    return Error(Errc::bad_request, "100 templates at most", "/node_name_templates");
  for (std::size_t i = 0; i < row.templates.size(); ++i)
    TRYV(check_release_path(row.templates[i], fmt::format("/node_name_templates/{}", i)));
  return {};
}

}  // namespace

ReleaseView view_of(const Release& row) {
  ReleaseView view;
  view.id = view.uuid = row.id;
  view.name = row.name;
  view.description = row.description;
  view.start_cmd = row.start_cmd;
  view.stop_cmd = row.stop_cmd;
  view.start_mode = row.start_mode;
  view.role = row.role;
  view.templates = row.templates;
  if (!row.sha256.empty()) {
    view.state = ReleaseState::uploaded;
    view.sha256 = row.sha256;
    view.size = row.size;
  }
  view.created_at = row.created_at;
  return view;
}

Task<ReleaseView> Releases::create(CreateRelease request, ops::Caller) {
  Release row;
  row.id = random_uuid();
  row.name = request.name;
  row.description = request.description.value_or("");
  row.start_cmd = request.start_cmd.value_or("");
  row.stop_cmd = request.stop_cmd.value_or("");
  row.cookie = request.cookie;
  row.role = request.role.value_or(Role::none);
  row.templates = request.node_name_templates;
  row.start_mode = request.start_mode.value_or(StartMode::daemon);
  row.created_at = clock_.now();
  CO_TRYV(check(row));
  if (catalogue_.release(row.name))
    co_return Error(Errc::conflict, "a release is named '" + row.name + "' already", "/name");
  if (request.release) {
    ops::BlobSource body(*std::move(request.release));
    auto received = co_await store_.receive(body, row.templates, base64_limit);
    if (!received && received.error().field.empty() && received.error().errc() == Errc::bad_request)
      co_return Error(Errc::bad_request, received.error().message, "/release");
    if (!received) co_return received.error();
    auto turn = co_await editing_.take();
    CO_TRYV(co_await keep(row, *std::move(received)));
  } else {
    CO_TRYV(co_await catalogue_.put(row));
  }
  co_return view_of(row);
}

Task<ReleaseView> Releases::upload(ById request, ops::Caller, ops::BodySource& body) {
  CO_TRY(auto row, catalogue_.release(request.id));
  CO_TRY(auto received, co_await store_.receive(body, row.templates, upload_limit));
  auto turn = co_await editing_.take();
  // Something of the release may have been edited while the archive came in.
  auto expected = row.templates;
  CO_TRY(row, catalogue_.release(row.id));
  if (row.templates != expected)
    co_return Error(Errc::conflict, "release " + row.name + " was edited during the upload");
  CO_TRYV(co_await keep(row, std::move(received)));
  co_return view_of(row);
}

/// Puts an archive into the folder and its release into the catalogue.
Task<> Releases::keep(Release& row, ReceivedArchive received) {
  auto before = row.sha256;
  row.sha256 = received.archive().sha256;
  row.size = received.archive().size;
  row.strip_components = received.archive().strip_components;
  CO_TRYV(co_await store_.keep(std::move(received)));
  auto stored = co_await catalogue_.put(row);
  auto unused = stored ? before : row.sha256;
  CO_TRYV(co_await drop_archive(unused));
  co_return stored;
}

Task<ReleaseView> Releases::update(UpdateRelease request, ops::Caller) {
  auto turn = co_await editing_.take();
  CO_TRY(auto row, catalogue_.release(request.id));
  if (request.name) row.name = *request.name;
  if (request.description) row.description = *request.description;
  if (request.start_cmd) row.start_cmd = *request.start_cmd;
  if (request.stop_cmd) row.stop_cmd = *request.stop_cmd;
  if (request.cookie) row.cookie = *request.cookie;
  if (request.role) row.role = *request.role;
  if (request.start_mode) row.start_mode = *request.start_mode;
  if (request.node_name_templates) row.templates = *request.node_name_templates;
  CO_TRYV(check(row));
  if (request.node_name_templates && !row.sha256.empty()) {
    CO_TRY([[maybe_unused]] auto archive, co_await store_.look(row.sha256, row.templates));
  }
  CO_TRYV(co_await catalogue_.put(row));
  co_return view_of(row);
}

Task<ops::Page<ReleaseView>> Releases::list(ops::PageRequest request, ops::Caller) {
  std::vector<ReleaseView> all;
  for (auto& release : catalogue_.releases()) all.push_back(view_of(release));
  co_return ops::page_of(all, request, [](const ReleaseView& view) { return view.name; });
}

Task<ReleaseView> Releases::get(ById request, ops::Caller) {
  CO_TRY(auto row, catalogue_.release(request.id));
  co_return view_of(row);
}

Task<ReleaseView> Releases::erase(ById request, ops::Caller) {
  auto turn = co_await editing_.take();
  CO_TRY(auto row, catalogue_.release(request.id));
  for (auto& family : catalogue_.families())
    if (family.release_id == row.id)
      co_return Error(Errc::conflict, "release " + row.name + " is used by family " + family.name);
  if (auto& used = catalogue_.uses().archive; used && !row.sha256.empty())
    if (auto by = used(row.sha256); !by.empty())
      co_return Error(Errc::conflict, "release " + row.name + " is used by " + by);
  CO_TRYV(co_await catalogue_.erase_release(row.id));
  CO_TRYV(co_await drop_archive(row.sha256));
  co_return view_of(row);
}

Task<> Releases::sweep() {
  CO_TRY(auto files, co_await store_.files());
  for (auto& name : files) {
    if (name.ends_with(ReleaseStore::suffix) &&
        is_needed(name.substr(0, name.size() - ReleaseStore::suffix.size())))
      continue;
    CO_TRYV(co_await store_.remove_file(name));
  }
  co_return Result<>();
}

bool Releases::is_needed(const std::string& sha256) const {
  for (auto& release : catalogue_.releases())
    if (release.sha256 == sha256) return true;
  auto& used = catalogue_.uses().archive;
  return used && !used(sha256).empty();
}

/// Removes an archive that nothing needs any more.
Task<> Releases::drop_archive(std::string sha256) {
  if (sha256.empty() || is_needed(sha256)) co_return Result<>();
  auto removed = co_await store_.remove(sha256);
  if (!removed) log::warn("{}", removed.error().text());
  co_return Result<>();
}

std::vector<ops::Operation> Releases::operations() {
  using ops::Role;
  auto row = [](std::string name, std::string verb, std::string rest, Role role, std::string doc) {
    return entry_row("releases", std::move(name), std::move(verb), rest, role, std::move(doc));
  };
  ops::Rows rows("orchestration", *this);
  auto create_row = row("create_release", "POST", "", Role::admin,
                        "Stores an Erlang release, with its archive or without");
  create_row.http.wrapper = "release";
  create_row.http.status = 201;
  create_row.body_limit = base64_limit / 3 * 4 + (std::uint64_t{16} << 20);  // lines, other members
  rows.add(create_row, &Releases::create);
  auto upload_row = row("upload_release", "PUT", "/:id/tarball", Role::admin,
                        "Streams the archive of a release: a tar.gz");
  upload_row.body_limit = upload_limit;
  rows.add(upload_row, &Releases::upload);
  rows.add(row("update_release", "PATCH", "/:id", Role::admin,
               "Changes the members given, for nodes deployed or started from now on"),
           &Releases::update);
  rows.add(row("list_releases", "GET", "", Role::viewer, "All releases"), &Releases::list);
  rows.add(row("get_release", "GET", "/:id", Role::viewer, "One release"), &Releases::get);
  rows.add(row("delete_release", "DELETE", "/:id", Role::admin,
               "Forgets a release that no family uses, and its archive"),
           &Releases::erase);
  return rows.take();
}

}  // namespace muster::orchestration
