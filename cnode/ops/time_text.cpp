#include "ops/time_text.h"

#include <charconv>

namespace muster::ops {
namespace {

/// Reads fixed-width fields from the front of a text.
struct Reader {
  std::string_view rest;
  bool is_good = true;

  int number(std::size_t width, int min, int max) {
    int value = 0;
    if (rest.size() < width) return is_good = false, 0;
    for (char c : rest.substr(0, width)) {
      if (c < '0' || c > '9') return is_good = false, 0;
      value = value * 10 + (c - '0');
    }
    rest.remove_prefix(width);
    if (value < min || value > max) is_good = false;
    return value;
  }
  bool take(std::string_view any_of) {
    if (rest.empty() || any_of.find(rest[0]) == std::string_view::npos) return false;
    rest.remove_prefix(1);
    return true;
  }
  void expect(std::string_view any_of) {
    if (!take(any_of)) is_good = false;
  }
};

}  // namespace

Result<Timestamp> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  Reader in{text};
  int y = in.number(4, 1970, 9999);
  in.expect("-");
  int m = in.number(2, 1, 12);
  in.expect("-");
  int d = in.number(2, 1, 31);
  in.expect("Tt ");
  int h = in.number(2, 0, 23);
  in.expect(":");
  int min = in.number(2, 0, 59);
  in.expect(":");
  int s = in.number(2, 0, 60);
  int ms = 0;
  if (in.take(".")) {
    int scale = 100;
    do {
      ms += scale * in.number(1, 0, 9);
      scale /= 10;
    } while (in.is_good && !in.rest.empty() && in.rest[0] >= '0' && in.rest[0] <= '9');
  }
  minutes offset{0};
  if (!in.take("Zz")) {
    bool is_west = !in.rest.empty() && in.rest[0] == '-';
    in.expect("+-");
    offset = hours(in.number(2, 0, 23));
    in.expect(":");
    offset += minutes(in.number(2, 0, 59));
    if (is_west) offset = -offset;
  }
  year_month_day date{year(y), month(m), day(d)};
  if (!in.is_good || !in.rest.empty() || !date.ok())
    return Error(Errc::bad_request, "wanted a time such as 2026-11-21T08:15:30Z");
  return Timestamp(sys_days(date) + hours(h) + minutes(min) - offset + seconds(s) +
                   milliseconds(ms));
}

}  // namespace muster::ops
