// Any bytes must give a safetensors header or a burin::Error, within memory that the input justifies.
#include "base/safetensors.h"

#include "base/error.h"
#include "memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace burin;
  const fuzz::MemoryFile memory(data, size);
  try {
    const InputFile file(memory.path());
    read_safetensors_header(file);
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
