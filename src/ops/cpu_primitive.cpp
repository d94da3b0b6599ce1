#include "ops/cpu_primitive.h"

#include <utility>

#include "base/error.h"

namespace burin::ops {

bool on_cpu() {
  return mx::default_device() == mx::Device::cpu;
}

void require(bool holds, std::string_view where, std::string_view message) {
  if (!holds) {
    throw Error(ErrorCode::InvalidArgument, where, message);
  }
}

CpuPrimitive::CpuPrimitive(mx::Stream stream, const char* name, Prepare prepare, Stock stock)
    : mx::UnaryPrimitive(stream), name_(name), prepare_(std::move(prepare)), stock_(std::move(stock)) {}

CpuPrimitive::CpuPrimitive(mx::Stream stream, const char* name, Prepare prepare, Gradient gradient)
    : mx::UnaryPrimitive(stream), name_(name), prepare_(std::move(prepare)), gradient_(std::move(gradient)) {}

void CpuPrimitive::eval_cpu(const std::vector<mx::array>& inputs, mx::array& out) {
  out.set_data(mx::allocator::malloc(out.nbytes()));
  mx::cpu::get_command_encoder(stream()).dispatch(prepare_(inputs, out));
}

void CpuPrimitive::eval_gpu(const std::vector<mx::array>& /*inputs*/, mx::array& /*out*/) {
  throw Error(ErrorCode::Internal, "ops", "a CPU primitive on a GPU stream");
}

std::vector<mx::array> CpuPrimitive::vjp(const std::vector<mx::array>& primals,
                                         const std::vector<mx::array>& cotangents, const std::vector<int>& argnums,
                                         const std::vector<mx::array>& /*outputs*/) {
  if (gradient_) {
    return {gradient_(cotangents[0])};
  }
  std::vector<mx::array> wanted;
  wanted.reserve(argnums.size());
  for (const int i : argnums) {
    wanted.push_back(primals[static_cast<size_t>(i)]);
  }
  const auto stock = [&](const std::vector<mx::array>& some) {
    std::vector<mx::array> inputs = primals;
    for (size_t i = 0; i < argnums.size(); ++i) {
      inputs[static_cast<size_t>(argnums[i])] = some[i];
    }
    return std::vector<mx::array>{stock_(inputs)};
  };
  return mx::vjp(stock, wanted, cotangents).second;
}

mx::array apply(const char* name, mx::Shape shape, std::vector<mx::array> inputs, CpuPrimitive::Prepare prepare,
                Stock stock) {
  auto primitive = std::make_shared<CpuPrimitive>(mx::default_stream(mx::default_device()), name, std::move(prepare),
                                                  std::move(stock));
  return mx::array(std::move(shape), mx::float32, std::move(primitive), std::move(inputs));
}

mx::array apply(const char* name, mx::Shape shape, const mx::array& input, CpuPrimitive::Prepare prepare,
                Gradient gradient) {
  auto primitive = std::make_shared<CpuPrimitive>(mx::default_stream(mx::default_device()), name, std::move(prepare),
                                                  std::move(gradient));
  return mx::array(std::move(shape), mx::float32, std::move(primitive), {input});
}

mx::array as_float32(const mx::array& a) {
  return a.dtype() == mx::float32 ? a : mx::astype(a, mx::float32);
}

}  // namespace burin::ops
