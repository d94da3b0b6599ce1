// Any bytes must give the layers of a prompt cache or a burin::Error, within memory that the input justifies.
#include "base/prompt_cache_file.h"

#include "base/error.h"
#include "memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace burin;
  const fuzz::MemoryFile memory(data, size);
  try {
    const InputFile file(memory.path());
    read_prompt_cache_file(file);
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
