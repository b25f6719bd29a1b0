// Coding of terms: ours beside plain ei, which reads into variables and forgets, where ours checks
// first what comes from anybody and makes a term that owns all of itself.
//     bench_terms [--benchmark_…]
#include <benchmark/benchmark.h>
#include <ei.h>
#include <fmt/format.h>

#include <cstdlib>
#include <map>

#include "etf/decode.h"
#include "etf/encode.h"

using namespace muster;
using etf::atom;
using etf::Term;

namespace {

Term request() {
  etf::Pid caller{{"caller@127.0.0.1"}, 90, 0, 1'700'000'000};
  etf::Reference reference{{"caller@127.0.0.1"}, 1'700'000'000, 3, {1, 2, 3, 0, 0}};
  auto call = etf::tuple(atom("call"), atom("topology"), atom("list_nodes"),
                         etf::list(etf::binary("production"), 100), caller);
  return etf::tuple(atom("$gen_call"), etf::tuple(caller, reference), std::move(call));
}

Term list_of_tuples() {
  etf::List list;
  for (int i = 0; i < 10'000; ++i)
    list.elements.push_back(etf::tuple(i, atom("value"), etf::binary("some text"), i * 0.5));
  return list;
}

Term map_of(int size) {
  etf::Map map;
  for (int i = 0; i < size; ++i)
    map.pairs.emplace_back(atom("key_" + std::to_string(i)), std::int64_t{i} * 1'000'003);
  return map;
}

Term collection() {
  etf::Map values;
  for (int i = 0; i < 25; ++i)
    values.pairs.emplace_back(atom("group_" + std::to_string(i)), map_of(6));
  etf::Map sample;
  sample.pairs.emplace_back(atom("at"), std::int64_t{1'700'000'000'000});
  sample.pairs.emplace_back(atom("values"), std::move(values));
  sample.pairs.emplace_back(atom("lacking"), map_of(3));
  etf::Pid agent{{"node@127.0.0.1"}, 90, 0, 1'700'000'000};
  return etf::tuple(atom("muster_agent"), atom("metrics"), std::move(agent), std::move(sample));
}

/// A term written by ei.
class EiWriter {
 public:
  EiWriter() { ei_x_new_with_version(&out_); }
  ~EiWriter() { ei_x_free(&out_); }
  EiWriter(const EiWriter&) = delete;
  EiWriter& operator=(const EiWriter&) = delete;
  int size() const { return out_.index; }

  void write(const Term& term) {
    if (auto* integer = term.get_if<std::int64_t>()) {
      ei_x_encode_longlong(&out_, *integer);
    } else if (auto* real = term.get_if<double>()) {
      ei_x_encode_double(&out_, *real);
    } else if (auto* name = term.get_if<etf::Atom>()) {
      ei_x_encode_atom_len_as(&out_, name->name.data(), static_cast<int>(name->name.size()),
                              ERLANG_UTF8, ERLANG_UTF8);
    } else if (auto* binary = term.get_if<etf::Binary>()) {
      ei_x_encode_binary(&out_, binary->bytes.data(), static_cast<int>(binary->bytes.size()));
    } else if (auto* tuple = term.get_if<etf::Tuple>()) {
      ei_x_encode_tuple_header(&out_, static_cast<long>(tuple->elements.size()));
      for (auto& element : tuple->elements) write(element);
    } else if (auto* list = term.get_if<etf::List>()) {
      ei_x_encode_list_header(&out_, static_cast<long>(list->elements.size()));
      for (auto& element : list->elements) write(element);
      ei_x_encode_empty_list(&out_);
    } else if (auto* map = term.get_if<etf::Map>()) {
      ei_x_encode_map_header(&out_, static_cast<long>(map->pairs.size()));
      for (auto& [key, value] : map->pairs) write(key), write(value);
    } else if (auto* pid = term.get_if<etf::Pid>()) {
      erlang_pid raw{};
      name_of(pid->node, raw.node);
      raw.num = pid->id, raw.serial = pid->serial, raw.creation = pid->creation;
      ei_x_encode_pid(&out_, &raw);
    } else if (auto* reference = term.get_if<etf::Reference>()) {
      erlang_ref raw{};
      name_of(reference->node, raw.node);
      raw.len = reference->length, raw.creation = reference->creation;
      for (int i = 0; i < raw.len; ++i) raw.n[i] = reference->words[static_cast<std::size_t>(i)];
      ei_x_encode_ref(&out_, &raw);
    }
  }

 private:
  static void name_of(const etf::Atom& node, char* to) { node.name.copy(to, MAXATOMLEN_UTF8 - 1); }
  ei_x_buff out_{};
};

/// Reads all of a term by ei, as a C program would that copies what it reads into buffers of its
/// own.
class EiReader {
 public:
  explicit EiReader(const std::string& bytes) : data_(bytes.data()) {
    int version = 0;
    ei_decode_version(data_, &at_, &version);
  }

  int read_all() {
    read();
    return at_;
  }

 private:
  void read() {
    int type = 0, size = 0;
    ei_get_type(data_, &at_, &type, &size);
    switch (type) {
      case ERL_SMALL_INTEGER_EXT:
      case ERL_INTEGER_EXT:
      case ERL_SMALL_BIG_EXT: {
        long long value = 0;
        ei_decode_longlong(data_, &at_, &value);
        benchmark::DoNotOptimize(value);
        return;
      }
      case ERL_FLOAT_EXT:
      case NEW_FLOAT_EXT: {
        double value = 0;
        ei_decode_double(data_, &at_, &value);
        benchmark::DoNotOptimize(value);
        return;
      }
      case ERL_ATOM_EXT:
      case ERL_SMALL_ATOM_EXT:
      case ERL_ATOM_UTF8_EXT:
      case ERL_SMALL_ATOM_UTF8_EXT: {
        char name[MAXATOMLEN_UTF8];
        ei_decode_atom_as(data_, &at_, name, sizeof name, ERLANG_UTF8, nullptr, nullptr);
        benchmark::DoNotOptimize(name);
        return;
      }
      case ERL_BINARY_EXT: {
        long length = 0;
        auto* copy = static_cast<char*>(std::malloc(static_cast<std::size_t>(size) + 1));
        ei_decode_binary(data_, &at_, copy, &length);
        benchmark::DoNotOptimize(copy);
        std::free(copy);
        return;
      }
      case ERL_SMALL_TUPLE_EXT:
      case ERL_LARGE_TUPLE_EXT:
        ei_decode_tuple_header(data_, &at_, &size);
        return read(size);
      case ERL_MAP_EXT:
        ei_decode_map_header(data_, &at_, &size);
        return read(2 * size);
      case ERL_LIST_EXT:
        ei_decode_list_header(data_, &at_, &size);
        return read(size + 1);
      case ERL_NIL_EXT:
        ei_decode_list_header(data_, &at_, &size);
        return;
      case ERL_PID_EXT:
      case ERL_NEW_PID_EXT: {
        erlang_pid pid;
        ei_decode_pid(data_, &at_, &pid);
        benchmark::DoNotOptimize(pid);
        return;
      }
      default: {
        erlang_ref reference;
        ei_decode_ref(data_, &at_, &reference);
        benchmark::DoNotOptimize(reference);
      }
    }
  }

  void read(int count) {
    for (int i = 0; i < count; ++i) read();
  }
  const char* data_;
  int at_ = 0;
};

void encode_ours(benchmark::State& state, const Term& term) {
  for (auto _ : state) benchmark::DoNotOptimize(etf::encode_external(term));
}

void encode_ei(benchmark::State& state, const Term& term) {
  for (auto _ : state) {
    EiWriter writer;
    writer.write(term);
    benchmark::DoNotOptimize(writer.size());
  }
}

void decode_ours(benchmark::State& state, const std::string& bytes) {
  for (auto _ : state) {
    auto term = etf::decode_external(bytes);
    if (!term) state.SkipWithError("does not decode");
    benchmark::DoNotOptimize(term);
  }
}

void decode_ei(benchmark::State& state, const std::string& bytes) {
  for (auto _ : state)
    if (EiReader(bytes).read_all() != static_cast<int>(bytes.size()))
      state.SkipWithError("does not decode");
}

/// Prints as usual, and then each pair with its ratio.
class Pairs : public benchmark::ConsoleReporter {
 public:
  Pairs() : ConsoleReporter(OO_Tabular) {}
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (auto& run : runs)
      if (run.run_type == Run::RT_Aggregate && run.aggregate_name == "median") {
        auto& name = run.run_name.function_name;
        times_[name.substr(0, name.rfind('/'))][name.substr(name.rfind('/') + 1)] =
            run.GetAdjustedRealTime();
      }
  }
  void print() {
    fmt::print("\n{:<32}{:>12}{:>12}{:>8}\n", "median, ns", "muster", "ei", "ratio");
    for (auto& [what, time] : times_)
      fmt::print("{:<32}{:>12.0f}{:>12.0f}{:>8.2f}\n", what, time["muster"], time["ei"],
                 time["muster"] / time["ei"]);
  }

 private:
  std::map<std::string, std::map<std::string, double>> times_;
};

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  ei_init();
  std::map<std::string, Term> terms{{"rpc request", request()},
                                    {"list of 10,000 tuples", list_of_tuples()},
                                    {"map of 30", map_of(30)},
                                    {"binary of 64 KiB", etf::binary(std::string(65536, 'x'))},
                                    {"collection of 150 metrics", collection()}};
  std::map<std::string, std::string> encoded;
  for (auto& [name, term] : terms) encoded[name] = etf::encode_external(term);
  auto add = [](const std::string& name, auto function, const auto& argument) {
    benchmark::RegisterBenchmark(
        name.c_str(), [function, &argument](benchmark::State& state) { function(state, argument); })
        ->Repetitions(5)
        ->ReportAggregatesOnly()
        ->MinTime(0.1);
  };
  for (auto& [name, term] : terms) {
    add("encode " + name + "/muster", encode_ours, term);
    add("encode " + name + "/ei", encode_ei, term);
    add("decode " + name + "/muster", decode_ours, encoded.at(name));
    add("decode " + name + "/ei", decode_ei, encoded.at(name));
  }
  Pairs pairs;
  benchmark::RunSpecifiedBenchmarks(&pairs);
  pairs.print();
}
