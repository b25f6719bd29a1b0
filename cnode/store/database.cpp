#include "store/database.h"

#include <sys/stat.h>

#include "base/log.h"
#include "store/migrations.h"

namespace muster::store {

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file) {
  auto before = ::umask(0077);
  auto connection = Connection::open(file.string());
  ::umask(before);
  if (!connection) return std::move(connection).error().context(file.string());
  TRYV(connection->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
  TRYV(migrate(*connection));
  return std::unique_ptr<Database>(new Database(std::move(*connection)));
}

Result<std::unique_ptr<Database>> Database::open_in_memory() {
  TRY(auto connection, Connection::open(":memory:"));
  TRYV(migrate(connection));
  return std::unique_ptr<Database>(new Database(std::move(connection)));
}

Database::Database(Connection connection) : connection_(std::move(connection)) {
  thread_ = std::thread([this] { work(); });
}

Database::~Database() {
  {
    std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Database::Load Database::load() const {
  std::lock_guard lock(mutex_);
  auto load = load_;
  load.waiting = writes_.size() + reads_.size();
  return load;
}

void Database::enqueue(Work work) {
  {
    std::lock_guard lock(mutex_);
    auto& queue = work.is_write ? writes_ : reads_;
    queue.push_back(std::move(work));
  }
  wake_.notify_one();
}

void Database::work() {
  constexpr std::size_t most_writes = 512;
  bool wrote = false;  // so a read is next
  for (;;) {
    std::vector<Work> batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return is_ending_ || !writes_.empty() || !reads_.empty(); });
      if (writes_.empty() && reads_.empty()) return;
      wrote = !writes_.empty() && (reads_.empty() || !wrote);
      auto& queue = wrote ? writes_ : reads_;
      auto most = wrote ? most_writes : 1;
      while (!queue.empty() && batch.size() < most) {
        load_.waited.add(std::chrono::steady_clock::now() - queue.front().since);
        batch.push_back(std::move(queue.front()));
        queue.pop_front();
      }
    }
    run_batch(batch);
  }
}

void Database::run_batch(std::vector<Work>& batch) {
  if (!batch.front().is_write) {
    for (auto& work : batch) work.done(work.run(connection_));
    return;
  }
  std::vector<Result<>> outcomes;
  auto run = [this](std::string_view sql) { return Statement(connection_, sql).run(); };
  auto committed = run("BEGIN IMMEDIATE");
  for (auto& work : batch) {
    if (!committed) break;
    auto outcome = run("SAVEPOINT job");
    if (outcome) outcome = work.run(connection_);
    auto undone = outcome ? Result<>() : run("ROLLBACK TO job");
    auto closed = undone ? run("RELEASE job") : undone;
    outcomes.push_back(outcome && !closed ? closed : outcome);
    // A full disk may have undone the whole transaction, and a further SAVEPOINT would begin one
    // that its RELEASE commits: nothing more of this batch is run.
    if (sqlite3_get_autocommit(connection_.handle()) != 0)
      committed = Error(Errc::unavailable, "database: the transaction is undone: " +
                                               (outcome ? "" : outcome.error().text()));
  }
  if (committed) committed = run("COMMIT");
  if (!committed) {
    log::error("{}", committed.error().text());
    if (sqlite3_get_autocommit(connection_.handle()) == 0)
      if (auto undone = connection_.execute("ROLLBACK"); !undone)
        log::warn("{}", undone.error().text());
    outcomes.assign(batch.size(), committed);
    std::lock_guard lock(mutex_);
    ++load_.failures;
  }
  for (std::size_t i = 0; i < batch.size(); ++i) batch[i].done(std::move(outcomes[i]));
}

}  // namespace muster::store
