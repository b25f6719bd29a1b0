#pragma once

#include <filesystem>
#include <string>

namespace muster::test {

/// A directory of a test's own, removed with everything in it at the end.
/// Others may enter it (an ordinary user's home lies in one), nobody else writes there.
class TempDir {
 public:
  explicit TempDir(const std::filesystem::path& parent = std::filesystem::temp_directory_path());
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Writes a file with these permissions, replacing what was there.
void write_file(const std::filesystem::path& file, const std::string& text, unsigned mode = 0644);

/// The whole file; empty when there is none.
std::string read_file(const std::filesystem::path& file);

}  // namespace muster::test
