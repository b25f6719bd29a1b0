#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

/// Files that hold a secret: cookies, keys, tokens. One rule for all of them, and one way to write
/// them.
namespace muster {

/// Whether what `file` holds is only its owner's to read: no bit for group or others. Mode 0440 is
/// good as well where root owns the file, or where it lies below $CREDENTIALS_DIRECTORY (systemd's
/// LoadCredential). Error: bad_request, with what to do; not_found.
Result<> check_private(const std::filesystem::path& file);

/// The bytes of a file that passes check_private(), which looks at the file that is read. Errors:
/// those; too_large, where there are more than `most` bytes.
Result<std::string> read_private(const std::filesystem::path& file, std::size_t most);

/// Writes `file` whole or not at all, mode 0600: beside it (FILE.new), synced, renamed, and the
/// folder synced. What FILE.new was before is lost. Error: the system's.
Result<> write_private(const std::filesystem::path& file, std::string_view bytes);

/// Makes a rename or removal in this folder last.
void sync_folder(const std::filesystem::path& folder);

}  // namespace muster
