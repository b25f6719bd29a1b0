#include "app/log_lines.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "base/log.h"

namespace muster::app {
namespace {

/// A node forged lines of the log with what it said of itself.
TEST(Log, ALineIsOneLineWhateverItsArgumentsAre) {
  std::ostringstream out;
  auto before = spdlog::default_logger();
  auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(out);
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
  write_printable_lines();
  log::info("{} is UP", "a@h\n2026-11-29T00:00:00.000 error forged \x1b[31m\xc2\x9b\xff");
  log::warn("{}", std::string(20'000'000, 'x'));
  spdlog::set_default_logger(before);
  auto text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_NE(text.find(" info a@h\\n2026-11-29T00:00:00.000 error forged "
                      "\\x{1B}[31m\\x{9B}\\x{FF} is UP\n"),
            text.npos)
      << text.substr(0, 200);
  EXPECT_LT(text.size(), 5'000u);
}

}  // namespace
}  // namespace muster::app
