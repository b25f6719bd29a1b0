#include "temp_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace muster::test {

TempDir::TempDir(const std::filesystem::path& parent) {
  std::string name = parent / "muster-test-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  path_ = name;
  ::chmod(name.c_str(), 0755);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::filesystem::path& file, const std::string& text, unsigned mode) {
  std::filesystem::create_directories(file.parent_path());
  std::filesystem::remove(file);
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out || ::chmod(file.c_str(), mode) != 0)
    throw std::runtime_error("cannot write " + file.string());
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace muster::test
