#include "cli/batch.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cli/envelope.h"

namespace burin::cli {
namespace {

constexpr size_t kMaxLine = size_t{64} << 20;

/** Blocks of stdin split at \n. */
class Lines {
 public:
  /** False at the end; the last line may lack its \n. Throws: InvalidArgument beyond 64 MiB a line. */
  bool next(std::string& line) {
    line.clear();
    while (true) {
      const size_t end = block_.find('\n', at_);
      line.append(block_, at_, end == std::string::npos ? std::string::npos : end - at_);
      if (end != std::string::npos) {
        at_ = end + 1;
        return true;
      }
      if (line.size() > kMaxLine) {
        throw Error(ErrorCode::InvalidArgument, "stdin", "a line of more than 64 MiB");
      }
      if (!fill()) {
        return !line.empty();
      }
    }
  }

 private:
  bool fill() {
    block_.resize(65536);
    at_ = 0;
    ssize_t n = 0;
    do {
      n = ::read(STDIN_FILENO, block_.data(), block_.size());
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
      throw Error(ErrorCode::InvalidArgument, "stdin", std::string("cannot read stdin: ") + std::strerror(errno));
    }
    block_.resize(static_cast<size_t>(n));
    return n > 0;
  }

  std::string block_;
  size_t at_ = 0;
};

Json answer_line(const std::string& line, const std::function<Json(const JsonView&)>& work) {
  try {
    const Json object = parse_json(line, "line");
    return work(JsonView(object, "line"));
  } catch (const Error& error) {
    return {{"error", error_details(error)}};
  }
}

}  // namespace

Json run_batch(Context& context, const std::function<Json(const JsonView& line)>& work) {
  Json records = Json::array();
  Lines lines;
  for (std::string line; lines.next(line);) {
    Json answer = answer_line(line, work);
    if (context.output.is_json()) {
      records.push_back(std::move(answer));
    } else {
      context.output.print(dump_json(answer) + "\n");
    }
  }
  return {{"records", std::move(records)}};
}

}  // namespace burin::cli
