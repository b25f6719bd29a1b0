#include "services/metrics/health.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "services/metrics/dictionary.h"

namespace muster::metrics {

namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](auto& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// From Linux 6.2 on the directory's size is the number of open files; listing many is dear.
std::int64_t open_files() {
  struct stat info {};
  if (::stat("/proc/self/fd", &info) == 0 && info.st_size > 0) return info.st_size;
  std::error_code ec;
  std::filesystem::directory_iterator files("/proc/self/fd", ec);
  return ec ? 0 : std::distance(begin(files), end(files));
}

std::uint64_t most_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace

std::uint64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  in >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void HealthSheet::add(std::string_view name, std::string_view help, std::string_view type,
                      store::Number value, Labels labels, std::string_view suffix) {
  // Values of one name come one after the other, or are few.
  auto family = std::find_if(families_.rbegin(), families_.rend(),
                             [&](auto& known) { return known.name == name; });
  auto* at = family == families_.rend() ? nullptr : &*family;
  if (!at)
    at = &families_.emplace_back(
        HealthView{std::string(name), std::string(type), std::string(help), {}});
  at->values.push_back({std::move(labels),
                        suffix.empty() ? std::nullopt : std::optional(std::string(suffix)), value});
}

void HealthSheet::histogram(std::string_view name, std::string_view help, const Histogram& value,
                            const Labels& labels) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i <= Histogram::bounds.size(); ++i) {
    below += value.counts()[i];
    auto with_bound = labels;
    with_bound["le"] =
        i < Histogram::bounds.size() ? fmt::format("{}", Histogram::bounds[i]) : "+Inf";
    add(name, help, "histogram", number(below), std::move(with_bound), "bucket");
  }
  add(name, help, "histogram", number(value.sum()), labels, "sum");
  add(name, help, "histogram", number(value.count()), labels, "count");
}

std::string HealthSheet::exposition() const {
  std::string out;
  auto at = std::back_inserter(out);
  for (auto& family : families_) {
    fmt::format_to(at, "# HELP {} {}\n# TYPE {} {}\n", family.name, family.help, family.name,
                   family.type);
    for (auto& value : family.values) {
      out += family.name;
      if (value.part) fmt::format_to(at, "_{}", *value.part);
      std::string labels;
      for (auto& [key, text] : value.labels) add_label(labels, key, text);
      if (!labels.empty()) fmt::format_to(at, "{{{}}}", labels);
      if (value.value.is_real)
        fmt::format_to(at, " {}\n", value.value.real());
      else
        fmt::format_to(at, " {}\n", value.value.integer());
    }
  }
  return out;
}

void put_process(HealthSheet& sheet) {
  sheet.counter("muster_daemon_cpu_seconds_total", "CPU time of the daemon", cpu_seconds());
  sheet.gauge("muster_daemon_resident_memory_bytes", "Memory of the daemon", resident_bytes());
  sheet.gauge("muster_daemon_open_fds", "Open files and sockets of the daemon", open_files());
  sheet.gauge("muster_daemon_max_fds", "How many files and sockets it may open", most_files());
}

}  // namespace muster::metrics
