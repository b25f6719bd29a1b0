#include "store/key_file.h"

#include <fmt/format.h>

#include <optional>

#include "base/log.h"
#include "base/private_file.h"
#include "base/random.h"
#include "store/sealed.h"

namespace muster::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t key_size = 32;

/// A file of the right size, or nothing: then it is missing, or was never finished.
Result<std::optional<Secret>> read_key(const fs::path& file) {
  auto read = read_private(file, key_size);
  if (!read && read.error().errc() == Errc::not_found) return std::optional<Secret>();
  if (!read && read.error().errc() == Errc::too_large)
    return Error(Errc::bad_request,
                 fmt::format("{} holds no key: a key has {} bytes", file.string(), key_size));
  if (!read) return std::move(read).error();
  if (read->size() < key_size) return std::optional<Secret>();
  return std::optional(Secret(*std::move(read)));
}

Result<> take_place(const fs::path& next, const fs::path& file) {
  std::error_code ec;
  fs::rename(next, file, ec);
  if (ec) return Error(ec, "rename " + next.string());
  sync_folder(file.parent_path());
  return {};
}

struct Tally {
  std::size_t values = 0, lost = 0;
  std::string first;  ///< that is lost
};

/// How much of it the key opens.
Result<Tally> try_key(Connection& db, const Cipher& cipher, bool with_history) {
  Tally tally;
  for (auto& column : sealed_columns()) {
    if (column.is_history && !with_history) continue;
    auto open = [&](const SealedValue& sealed) -> Result<> {
      ++tally.values;
      if (cipher.open(sealed.value, sealed.owner())) return {};
      if (tally.lost++ == 0) tally.first = fmt::format("{} ({})", sealed.owner(), sealed.label);
      return {};
    };
    TRYV(each_sealed(db, column, open));
  }
  return tally;
}

/// The first value there is tells which key it was sealed with.
Result<bool> opens_any(Connection& db, const Secret& key) {
  TRY(auto tally, try_key(db, Cipher(key), true));
  return tally.lost < tally.values;
}

Result<> forget(Connection& db, const Cipher& cipher) {
  TRYV(db.execute("BEGIN IMMEDIATE"));
  auto emptied = [&]() -> Result<> {
    for (auto& column : sealed_columns()) {
      std::size_t records = 0;
      auto empty = [&](const SealedValue& sealed) -> Result<> {
        if (cipher.open(sealed.value, sealed.owner())) return {};
        if (column.is_history)
          ++records;
        else
          log::warn("forgotten: {} of {} in {}", column.column, sealed.label, column.table);
        if (!column.emptied) return sealed.replace(db, nullptr);
        std::string text = column.emptied;
        auto fresh = cipher.seal(Secret(text == "*" ? random_hex(16) : text), sealed.owner());
        return sealed.replace(db, &fresh);
      };
      TRYV(each_sealed(db, column, empty));
      if (records > 0)
        log::warn("forgotten: {} of {} rows in {}", column.column, records, column.table);
    }
    return db.execute("COMMIT");
  }();
  if (!emptied) (void)db.execute("ROLLBACK");
  return emptied;
}

constexpr auto remedy =
    "restore the secret.key that belongs to this muster.db (both are in the same backup), or start "
    "once with --forget-secrets to go on without the secrets that are lost";

/// The key that is in force. Nothing: there is none.
Result<std::optional<Secret>> settle(Connection* db, const fs::path& file, const fs::path& next) {
  TRY(auto key, read_key(file));
  std::error_code ec;
  if (!fs::exists(next, ec)) return key;
  // A rotation was interrupted: before its commit the old key opens what is there, after it the new
  // one.
  TRY(auto fresh, read_key(next));
  if (db && fresh) {
    TRY(bool is_committed, opens_any(*db, *fresh));
    if (is_committed) {
      log::info("the rotation of {} that was interrupted is finished", file.string());
      TRYV(take_place(next, file));
      return fresh;
    }
  }
  fs::remove(next, ec);
  return key;
}

}  // namespace

Result<Cipher> open_key(const fs::path& data_dir, LostSecrets lost) {
  const auto file = data_dir / "secret.key", database = data_dir / "muster.db";
  std::error_code ec;
  std::optional<Connection> db;
  bool is_sealed = false;
  auto look = [&]() -> Result<> {
    if (!fs::exists(database, ec)) return {};
    TRY(db, Connection::open(database.string()));
    TRY(is_sealed, has_sealed(*db));
    return {};
  };
  if (auto looked = look(); !looked) return std::move(looked).error().context(database.string());
  TRY(auto key, settle(db ? &*db : nullptr, file, data_dir / "secret.key.next"));
  if (!key && is_sealed && lost == LostSecrets::refuse)
    return Error(
        Errc::bad_request,
        fmt::format("{} {}, and muster.db holds secrets that were sealed with it: {}",
                    file.string(), fs::exists(file, ec) ? "holds no key" : "is missing", remedy));
  if (!key) {
    key = Secret(random_bytes(key_size));
    TRYV(write_private(file, key->reveal()));
  }
  Cipher cipher(*std::move(key));
  if (!is_sealed) return cipher;
  if (lost == LostSecrets::forget) {
    TRYV(forget(*db, cipher));
    return cipher;
  }
  TRY(auto tally, try_key(*db, cipher, false));
  if (tally.lost == 0) return cipher;
  if (tally.lost == tally.values)
    return Error(Errc::bad_request,
                 fmt::format("{} is another key than the one that sealed the secrets in muster.db: "
                             "it opens none of {}: {}",
                             file.string(), tally.values, remedy));
  return Error(Errc::bad_request,
               fmt::format("the secret {} does not open with {} ({} of {} do not): {}", tally.first,
                           file.string(), tally.lost, tally.values, remedy));
}

Result<std::size_t> rotate_key(const fs::path& data_dir,
                               const std::function<Result<>(Connection&)>& record) {
  const auto file = data_dir / "secret.key", next = data_dir / "secret.key.next";
  std::error_code ec;
  if (!fs::exists(data_dir / "muster.db", ec))
    return Error(Errc::not_found, fmt::format("there is no muster.db in {}", data_dir.string()));
  TRY(auto old, open_key(data_dir, LostSecrets::refuse));
  TRY(auto db, Connection::open((data_dir / "muster.db").string()));
  TRYV(db.execute("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON"));
  TRY(auto tally, try_key(db, old, true));
  if (tally.lost > 0)
    return Error(Errc::bad_request,
                 fmt::format("the secret {} does not open with {} ({} of {} do not): start the "
                             "daemon once with --forget-secrets",
                             tally.first, file.string(), tally.lost, tally.values));
  auto key = random_bytes(key_size);
  TRYV(write_private(next, key));
  Cipher fresh{Secret(std::move(key))};
  TRYV(db.execute("BEGIN IMMEDIATE"));
  auto sealed = [&]() -> Result<> {
    for (auto& column : sealed_columns()) {
      auto again = [&](const SealedValue& value) -> Result<> {
        TRY(auto plain, old.open(value.value, value.owner()));
        auto anew = fresh.seal(plain, value.owner());
        return value.replace(db, &anew);
      };
      TRYV(each_sealed(db, column, again));
    }
    TRYV(record(db));
    return db.execute("COMMIT");
  }();
  if (!sealed) {
    (void)db.execute("ROLLBACK");
    return std::move(sealed).error();
  }
  TRYV(take_place(next, file));
  (void)db.execute("PRAGMA wal_checkpoint(TRUNCATE)");  // the old values are gone from the log, too
  return tally.values;
}

}  // namespace muster::store
