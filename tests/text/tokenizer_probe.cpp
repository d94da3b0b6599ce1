// For the parity tests: a model folder's tokenizer as programs load it (tokenizer, its classes, streaming), on lines
// {"text": ..} of stdin. Each answer is {"ids", "bare", "text", "skipped", "streamed"}.
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "text/streaming_detokenizer.h"
#include "text/tokenizer.h"

namespace {

std::string streamed(const burin::text::Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  burin::text::StreamingDetokenizer stream(tokenizer);
  std::string text;
  for (const int32_t id : ids) {
    text += stream.add(id);
  }
  return text + stream.finish();
}

burin::Json answer(const burin::text::Tokenizer& tokenizer, const burin::Json& line) {
  const std::vector<int32_t> ids = line.contains("ids") ? line["ids"].get<std::vector<int32_t>>()
                                                        : tokenizer.encode(line["text"].get<std::string>(), true);
  burin::Json out{{"ids", ids}};
  if (line.contains("text")) {
    out["bare"] = tokenizer.encode(line["text"].get<std::string>(), false);
  }
  out["text"] = tokenizer.decode(ids, false);
  out["skipped"] = tokenizer.decode(ids, true);
  out["streamed"] = streamed(tokenizer, ids);
  return out;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const auto tokenizer = burin::text::Tokenizer::load(count > 1 ? arguments[1] : ".");
    std::string line;
    while (std::getline(std::cin, line)) {
      std::cout << burin::dump_json(answer(tokenizer, burin::parse_json(line, "stdin"))) << "\n";
    }
    return 0;
  } catch (const burin::Error& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
