#include "app/log_lines.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "base/clean_text.h"

namespace muster::app {
namespace {

constexpr std::size_t longest_line = 4096;

/// What was logged, as `%*` of the pattern.
class PrintableText final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    auto text = escaped_line({message.payload.data(), message.payload.size()}, longest_line);
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PrintableText>();
  }
};

}  // namespace

void write_printable_lines() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PrintableText>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %*");
  spdlog::set_formatter(std::move(formatter));
}

}  // namespace muster::app
