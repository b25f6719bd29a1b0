#include "process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

#include "ports.h"
#include "temp_dir.h"

extern char** environ;

namespace muster::test {
namespace {

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!changes.contains(text.substr(0, text.find('=')))) merged.push_back(text);
  }
  for (const auto& [name, value] : changes) {
    if (!value.empty()) merged.push_back(name + "=" + value);
  }
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// The child's half between fork and exec: system calls only. Returns when something failed.
void become(const Command& command, int input, int output, char** argv, char** env) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!command.cwd.empty() && ::chdir(command.cwd.c_str()) != 0) return;
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execvpe(argv[0], argv, env);
}

}  // namespace

Process::Process(Command command) : command_(std::move(command)) {
  auto environment = merged_environment(command_.env);
  auto argv = pointers(command_.argv);
  auto env = pointers(environment);
  const auto target = command_.output.empty() ? std::string("/dev/null") : command_.output.string();
  const int output = ::open(target.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  int input[2] = {-1, -1};
  if (!command_.with_input) {
    input[0] = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  } else if (::pipe2(input, O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipe");
  }
  int failure[2];  // closed by a successful exec, else it carries errno
  if (output < 0 || ::pipe2(failure, O_CLOEXEC) != 0)
    throw std::runtime_error("cannot open " + target);
  pid_ = ::fork();
  if (pid_ == 0) {
    become(command_, input[0], output, argv.data(), env.data());
    const int error = errno;
    [[maybe_unused]] const auto sent = ::write(failure[1], &error, sizeof error);
    ::_exit(127);
  }
  ::close(failure[1]);
  ::close(output);
  ::close(input[0]);
  input_ = input[1];
  int error = 0;
  const bool failed = ::read(failure[0], &error, sizeof error) == sizeof error;
  ::close(failure[0]);
  if (pid_ < 0 || failed) {
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    close_input();
    throw std::runtime_error("cannot start " + command_.argv[0] + ": " + std::strerror(error));
  }
}

Process::~Process() {
  close_input();
  ::kill(-pid_, SIGKILL);
  if (!status_) ::waitpid(pid_, nullptr, 0);
}

std::optional<int> Process::wait(Limit limit) {
  eventually(
      [this] {
        int raw = 0;
        if (!status_ && ::waitpid(pid_, &raw, WNOHANG) == pid_) {
          status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
        }
        return status_.has_value();
      },
      limit);
  return status_;
}

std::string Process::output() const {
  return read_file(command_.output);
}

bool Process::wait_for_output(const std::string& text, Limit limit) {
  bool found = false;
  eventually(
      [&] {
        const bool ended = !is_running();  // before reading: what it printed last counts
        found = output().find(text) != std::string::npos;
        return found || ended;
      },
      limit);
  return found;
}

void Process::write(const std::string& text) {
  std::signal(SIGPIPE, SIG_IGN);
  for (std::size_t done = 0; done < text.size();) {
    const auto count = ::write(input_, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) throw std::runtime_error(command_.argv[0] + " has ended");
    if (count > 0) done += static_cast<std::size_t>(count);
  }
}

void Process::close_input() {
  if (input_ >= 0) ::close(input_);
  input_ = -1;
}

void Process::signal(int number) {
  if (is_running()) ::kill(pid_, number);
}

void Process::signal_group(int number) {
  ::kill(-pid_, number);
}

std::string run(std::vector<std::string> argv, Process::Limit limit) {
  TempDir dir;
  Command command;
  command.argv = std::move(argv);
  command.output = dir / "output";
  Process process(command);
  const auto status = process.wait(limit);
  if (status == 0) return process.output();
  throw std::runtime_error(command.argv[0] + (status ? " failed: " : " took too long: ") +
                           process.output());
}

}  // namespace muster::test
