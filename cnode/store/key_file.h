#pragma once

#include <filesystem>
#include <functional>

#include "store/cipher.h"
#include "store/connection.h"

namespace muster::store {

/// What to do with secrets that the key does not open.
enum class LostSecrets { refuse, forget };

/// The key `secret.key` of a data directory and what `muster.db` has sealed with it, seen together:
/// before the database is at work, by whoever has the directory to himself. Makes the key where
/// there is none and nothing is sealed yet, and ends a rotation that was interrupted. A key is
/// never made anew where sealed values exist. With `forget`, secrets that the key does not open are
/// emptied, and each is named in the log; their rows stay. Errors: bad_request with the remedy for
/// a missing or a wrong key, or for single values that do not open; those of file and database.
Result<Cipher> open_key(const std::filesystem::path& data_dir, LostSecrets lost);

/// Makes a new key and seals everything with it; says how many values. The new key is written
/// beside the old one, then all values change in one transaction, then the new key takes the old
/// one's place: wherever it is interrupted, open_key() goes on from there. `record` writes down in
/// the same transaction that it was done. Errors: those of open_key() and of `record`; not_found,
/// where there is no database.
Result<std::size_t> rotate_key(const std::filesystem::path& data_dir,
                               const std::function<Result<>(Connection&)>& record);

}  // namespace muster::store
