// What agents and stock modules say: whatever the term, so many samples and no more come of it, of
// rows and labels that can be shown.
#include <cstdint>
#include <cstdlib>

#include "etf/decode.h"
#include "etf/utf8.h"
#include "services/metrics/accounts.h"
#include "services/metrics/stock_reader.h"

namespace metrics = muster::metrics;

namespace {

void check(const metrics::Dictionary& dictionary, const metrics::Reading& reading) {
  for (auto& sample : reading.samples) {
    if (sample.series == 0 || sample.series > dictionary.size()) std::abort();
    auto& series = dictionary.series_of(sample.series);
    for (auto* text : {&series.name, &series.labels, &series.kind, &series.part})
      if (text->size() > 4096 || !muster::etf::is_utf8(*text)) std::abort();
    (void)metrics::parse_labels(series.labels);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto term = muster::etf::decode_external({reinterpret_cast<const char*>(data), size});
  if (!term) return 0;
  metrics::Dictionary dictionary;
  metrics::SampleReader reader(dictionary);
  auto reading = reader.read(*term, 1);
  if (reading.samples.size() > metrics::SampleReader::most_samples) std::abort();
  check(dictionary, reading);
  metrics::Accounts accounts(reader);
  for (auto* agent : {"metrics", "notifications", "alarms"})
    accounts.heard("a@b", agent, *term, {});
  metrics::Reading own;
  accounts.add_to("a@b", own, {});
  if (own.samples.size() > 500) std::abort();
  check(dictionary, own);
  static const metrics::StockReader stock;
  check(dictionary, reader.read(stock.sample(*term), 1));
  return 0;
}
