// What holds programs and libraries of different versions together: sizes, unknown fields, NULLs, codes.
#include <cstddef>
#include <cstring>
#include <limits>
#include <vector>

#include "fixture.h"

namespace burin {
namespace {

using Abi = ApiTest;

template <class T, class Member>
constexpr bool ends_with(Member T::* member) {
  T value{};
  const auto* end = reinterpret_cast<const std::byte*>(&(value.*member)) + sizeof(Member);
  return end == reinterpret_cast<const std::byte*>(&value) + sizeof(T);
}

TEST_F(Abi, StructsThatGoInHaveNoHoleAtTheirEndForAnotherFieldToHideIn) {
  EXPECT_TRUE(ends_with(&burin_environment::backend_dir));
  EXPECT_TRUE(ends_with(&burin_engine_options::max_waiting));
  EXPECT_TRUE(ends_with(&burin_load_options::with_tokenizer));
  EXPECT_TRUE(ends_with(&burin_generate_params::ignore_eos));
  EXPECT_TRUE(ends_with(&burin_message::content));
  EXPECT_TRUE(ends_with(&burin_request::params));
  EXPECT_TRUE(ends_with(&burin_retry::jitter));
}

TEST_F(Abi, CodesAreTheTablesIntegers) {
  EXPECT_EQ(BURIN_INTERNAL, static_cast<int>(ErrorCode::Internal));
  EXPECT_EQ(BURIN_INVALID_ARGUMENT, static_cast<int>(ErrorCode::InvalidArgument));
  EXPECT_EQ(BURIN_NOT_FOUND, static_cast<int>(ErrorCode::NotFound));
  EXPECT_EQ(BURIN_AMBIGUOUS, static_cast<int>(ErrorCode::Ambiguous));
  EXPECT_EQ(BURIN_NETWORK, static_cast<int>(ErrorCode::Network));
  EXPECT_EQ(BURIN_PERMISSION, static_cast<int>(ErrorCode::Permission));
  EXPECT_EQ(BURIN_CORRUPT, static_cast<int>(ErrorCode::Corrupt));
  EXPECT_EQ(BURIN_UNSUPPORTED, static_cast<int>(ErrorCode::Unsupported));
  EXPECT_EQ(BURIN_RESOURCE_EXHAUSTED, static_cast<int>(ErrorCode::ResourceExhausted));
  EXPECT_EQ(BURIN_BUSY, static_cast<int>(ErrorCode::Busy));
  EXPECT_EQ(BURIN_CANCELLED, static_cast<int>(ErrorCode::Cancelled));
  EXPECT_EQ(error_name(ErrorCode::ResourceExhausted), "resource_exhausted");
  EXPECT_EQ(error_name(static_cast<ErrorCode>(11)), "");
  EXPECT_EQ(error_name(static_cast<ErrorCode>(0)), "");
}

/** burin_models_resolve with the environment as these bytes. */
burin_status resolve(const void* environment) {
  burin_models* models = nullptr;
  const burin_status status =
      burin_models_resolve(static_cast<const burin_environment*>(environment), "tiny", &models, nullptr);
  burin_models_free(models);
  return status;
}

TEST_F(Abi, AnOlderProgramsShorterStructHasTheNewFieldsDefaults) {
  const std::string home = home_.string();
  burin_environment environment{};
  environment.model_home = home.c_str();
  environment.size = offsetof(burin_environment, hub_cache);
  environment.hub_cache = reinterpret_cast<const char*>(1);  // beyond the older struct's end: never looked at
  EXPECT_EQ(resolve(&environment), BURIN_OK);
}

TEST_F(Abi, ANewerProgramsLongerStructIsFineUntilItSetsWhatWeDoNotKnow) {
  const std::string home = home_.string();
  burin_environment environment{};
  environment.model_home = home.c_str();
  alignas(burin_environment) std::byte longer[sizeof environment + 16]{};
  environment.size = sizeof longer;
  std::memcpy(longer, &environment, sizeof environment);
  EXPECT_EQ(resolve(longer), BURIN_OK);
  longer[sizeof longer - 1] = std::byte{1};
  EXPECT_EQ(resolve(longer), BURIN_UNSUPPORTED);
}

TEST_F(Abi, ASizeThatCannotBeIsRefused) {
  burin_environment environment{};
  for (const size_t size : {size_t{0}, size_t{7}, size_t{1} << 20, std::numeric_limits<size_t>::max()}) {
    environment.size = size;
    EXPECT_EQ(resolve(&environment), BURIN_INVALID_ARGUMENT) << size;
  }
}

TEST_F(Abi, WhatGoesOutIsWrittenUpToTheCallersSizeOnly) {
  Environment where = environment();
  const detail::EnvironmentView view(where);
  burin_models* models = nullptr;
  ASSERT_EQ(burin_models_list(view.get(), &models, nullptr), BURIN_OK);
  burin_model model{};
  model.size = offsetof(burin_model, hash);
  const char* const untouched = reinterpret_cast<const char*>(1);
  model.hash = untouched;
  EXPECT_EQ(burin_models_get(models, 0, &model), BURIN_OK);
  EXPECT_STREQ(model.name, "tiny");
  EXPECT_EQ(model.hash, untouched);
  EXPECT_EQ(burin_models_get(models, 1, &model), BURIN_NOT_FOUND);
  EXPECT_EQ(burin_models_get(models, 0, nullptr), BURIN_INVALID_ARGUMENT);
  burin_models_free(models);
}

TEST_F(Abi, InitWritesNothingBeyondTheCallersSize) {
  burin_generate_params params;
  std::memset(&params, 0x55, sizeof params);
  burin_generate_params_init(&params, offsetof(burin_generate_params, temperature));
  EXPECT_EQ(params.size, offsetof(burin_generate_params, temperature));
  EXPECT_EQ(params.max_tokens, 256);
  double untouched;
  std::memset(&untouched, 0x55, sizeof untouched);
  EXPECT_EQ(params.temperature, untouched);
  burin_generate_params_init(nullptr, sizeof params);
  burin_retry retry;
  burin_retry_init(&retry, sizeof retry);
  EXPECT_DOUBLE_EQ(retry.base_delay_s, 0.1);
  EXPECT_DOUBLE_EQ(retry.max_delay_s, 5.0);
}

TEST_F(Abi, NullsAreInvalidArgumentsAndFreesOfNullDoNothing) {
  burin_error* error = nullptr;
  EXPECT_EQ(burin_engine_new(nullptr, nullptr, &error), BURIN_INVALID_ARGUMENT);
  EXPECT_STREQ(burin_error_fact(error, "param"), "engine");
  burin_error_free(error);
  EXPECT_EQ(burin_models_list(nullptr, nullptr, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(burin_models_resolve(nullptr, nullptr, nullptr, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(burin_engine_unload(nullptr, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(burin_engine_metrics(nullptr, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(burin_engine_health(nullptr, nullptr, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(burin_engine_attempt_recovery(nullptr, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(burin_engine_optimize_performance(nullptr, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(burin_engine_start(nullptr, nullptr, nullptr, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(burin_generation_next(nullptr, nullptr, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(burin_generation_result(nullptr, nullptr, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(burin_engine_is_loaded(nullptr), 0);
  EXPECT_EQ(burin_error_code(nullptr), BURIN_OK);
  EXPECT_STREQ(burin_error_message(nullptr), "");
  EXPECT_EQ(burin_models_count(nullptr), 0U);
  burin_engine_cancel(nullptr);
  burin_engine_free(nullptr);
  burin_generation_cancel(nullptr);
  burin_generation_free(nullptr);
  burin_models_free(nullptr);
  burin_environment_free(nullptr);
  burin_error_free(nullptr);
  burin_string_free(nullptr);
  burin_ids_free(nullptr);
}

TEST_F(Abi, ListsWithCountsButNoPointersAreRefused) {
  const Engine engine = loaded();
  const std::string home = home_.string();
  const std::string backend = kFakeBackend.string();
  const burin_environment where{sizeof where, nullptr, home.c_str(), nullptr, backend.c_str()};
  burin_engine_options options;
  burin_engine_options_init(&options, sizeof options);
  options.environment = &where;
  burin_engine* raw = nullptr;
  ASSERT_EQ(burin_engine_new(&options, &raw, nullptr), BURIN_OK);
  burin_load_options load;
  burin_load_options_init(&load, sizeof load);
  EXPECT_EQ(load.precision, BURIN_PRECISION_FAST);
  load.model = "tiny";
  ASSERT_EQ(burin_engine_load(raw, &load, nullptr, nullptr, nullptr), BURIN_OK);
  const auto status = [&](auto change) {
    burin_generate_params params;
    burin_generate_params_init(&params, sizeof params);
    burin_request request;
    burin_request_init(&request, sizeof request);
    request.prompt = "a";
    request.params = &params;
    change(request, params);
    burin_generation* generation = nullptr;
    const burin_status found = burin_engine_start(raw, &request, &generation, nullptr);
    burin_generation_free(generation);
    return found;
  };
  EXPECT_EQ(status([](auto&, auto&) {}), BURIN_OK);
  EXPECT_EQ(status([](auto&, auto& params) { params.stop_count = 1; }), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(status([](auto&, auto& params) { params.logit_bias_count = 1; }), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(status([](auto& request, auto&) { request.prompt = nullptr; }), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(status([](auto& request, auto&) { request.tools_json = "[]"; }), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(status([](auto& request, auto&) {
              request.prompt = nullptr;
              request.prompt_id_count = 1;
            }),
            BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(status([](auto& request, auto&) {
              request.prompt = nullptr;
              request.message_count = 1;
            }),
            BURIN_INVALID_ARGUMENT);
  burin_engine_free(raw);
}

}  // namespace
}  // namespace burin
