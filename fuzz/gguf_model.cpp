// Any GGUF file must give a config.json, a tokenizer and a plan for its tensors, or a burin::Error, without requests
// for memory that the input does not justify.
#include "base/error.h"
#include "base/gguf.h"
#include "memory_file.h"
#include "quantize/gguf_config.h"
#include "quantize/gguf_tokenizer.h"
#include "quantize/gguf_weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace burin;
  const fuzz::MemoryFile memory(data, size);
  try {
    const InputFile file(memory.path());
    const GgufFile gguf = GgufFile::read(file);
    const quantize::GgufFamily& family = quantize::find_family(gguf);
    const Json config = quantize::make_config(gguf, family, file);
    quantize::make_tokenizer(gguf, config["vocab_size"].get<int64_t>());
    const auto plan =
        quantize::plan_tensors({.gguf = gguf, .file = file, .family = family, .config = config, .requantize_bits = 8});
    quantize::quantization_config(plan);
    for (const quantize::PlannedTensor& tensor : plan) {
      quantize::output_tensors(tensor);
    }
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
