// The C interface of an engine's life: made, loaded, asked how it is, recovered, freed.
#include <limits>

#include "api/border.h"
#include "api/engine_state.h"
#include "engine/process_memory.h"
#include "hub/resolve.h"

namespace burin::api {
namespace {

static_assert(BURIN_HEALTHY == static_cast<int>(engine::HealthState::Healthy));
static_assert(BURIN_RECOVERING == static_cast<int>(engine::HealthState::Recovering));

burin_engine_options default_engine_options() {
  return {.size = sizeof(burin_engine_options),
          .environment = nullptr,
          .backend = nullptr,
          .max_waiting = engine::RunnerOptions{}.max_waiting};
}

burin_load_options default_load_options() {
  const engine::ModelOptions options;
  return {.size = sizeof(burin_load_options),
          .model = nullptr,
          .precision = BURIN_PRECISION_FAST,
          .threads = 0,
          .draft_model = nullptr,
          .pack_folder = nullptr,
          .keep_sequence = options.keeps_sequence ? 1 : 0,
          .max_kv_size = options.cache.max_kv_size,
          .kv_bits = options.cache.kv_bits,
          .kv_group_size = options.cache.kv_group_size,
          .quantized_kv_start = options.cache.quantized_kv_start,
          .with_tokenizer = options.load.with_tokenizer ? 1 : 0};
}

burin_engine* new_engine(const burin_engine_options* options) {
  const burin_engine_options given =
      options == nullptr ? default_engine_options() : read_struct(options, default_engine_options(), "options");
  if (given.max_waiting < 0 || given.max_waiting > std::numeric_limits<int>::max()) {
    throw invalid("max_waiting", "max_waiting is out of range");
  }
  const std::string backend = given.backend == nullptr ? "mlx" : text_of(given.backend, "backend");
  return std::make_unique<burin_engine>(folders_of(given.environment), backend, static_cast<int>(given.max_waiting))
      .release();
}

engine::CacheParams cache_params_of(const burin_load_options& given) {
  if (given.max_kv_size < 0) {
    throw invalid("max_kv_size", "max_kv_size must not be negative");
  }
  if (given.quantized_kv_start < 0) {
    throw invalid("quantized_kv_start", "quantized_kv_start must not be negative");
  }
  return {.max_kv_size = given.max_kv_size,
          .kv_bits = given.kv_bits,
          .kv_group_size = given.kv_group_size,
          .quantized_kv_start = given.quantized_kv_start};
}

engine::ModelOptions model_options_of(const burin_load_options& given) {
  if (given.precision != BURIN_PRECISION_EXACT && given.precision != BURIN_PRECISION_FAST) {
    throw invalid("precision", "precision is neither exact nor fast");
  }
  if (given.threads < 0 || given.threads > 1024) {
    throw invalid("threads", "threads must be from 0 to 1024");
  }
  engine::ModelOptions options{.cache = cache_params_of(given), .keeps_sequence = given.keep_sequence != 0};
  options.load.precision = given.precision == BURIN_PRECISION_FAST ? engine::Precision::Fast : engine::Precision::Exact;
  options.load.threads = given.threads;
  options.load.with_tokenizer = given.with_tokenizer != 0;
  if (given.pack_folder != nullptr) {
    options.load.pack_folder = text_of(given.pack_folder, "pack_folder");
  }
  return options;
}

void load(burin_engine& engine, const burin_load_options* options, burin_progress_callback on_progress,
          void* user_data) {
  const burin_load_options given = read_struct(options, default_load_options(), "options");
  engine::ModelOptions model_options = model_options_of(given);
  const hub::ResolvedModel model = hub::resolve_model(text_of(given.model, "model"), engine.folders.hub);
  model_options.load.model_dir = model.dir;
  if (given.draft_model != nullptr) {
    model_options.load.draft_dir =
        hub::resolve_model(text_of(given.draft_model, "draft_model"), engine.folders.hub).dir;
  }
  engine.runner.load(std::move(model_options),
                     [&](double fraction) { return on_progress == nullptr || on_progress(fraction, user_data) == 0; });
  const std::scoped_lock lock(engine.mutex);
  engine.model_name = model.name;
}

burin_metrics metrics_of(const engine::Metrics& metrics) {
  const engine::ProcessMemory memory = engine::process_memory();
  return {.size = sizeof(burin_metrics),
          .model_load_ms = metrics.model_load_ms,
          .last_generation_ms = metrics.last_generation_ms,
          .first_token_ms = metrics.first_token_ms,
          .prompt_tokens_per_s = metrics.prompt_tokens_per_s,
          .tokens_per_s = metrics.tokens_per_s,
          .prompt_tokens = metrics.prompt_tokens,
          .tokens_generated = metrics.tokens_generated,
          .kv_bytes = metrics.kv_bytes,
          .weight_bytes = metrics.weight_bytes,
          .resident_bytes = memory.resident_bytes,
          .peak_resident_bytes = memory.peak_resident_bytes,
          .total_prompt_tokens = metrics.total_prompt_tokens,
          .total_tokens_generated = metrics.total_tokens_generated,
          .completed = metrics.completed,
          .cancelled = metrics.cancelled,
          .failed = metrics.failed,
          .retries = metrics.retries,
          .recoveries = metrics.recoveries};
}

void put_string(char** out, std::string_view text) {
  if (out != nullptr) {
    *out = new_string(text);
  }
}

}  // namespace
}  // namespace burin::api

using burin::api::guarded;
using burin::api::required;

void burin_engine_options_init(burin_engine_options* options, size_t size) {
  burin::api::init_struct(options, size, burin::api::default_engine_options());
}

void burin_load_options_init(burin_load_options* options, size_t size) {
  burin::api::init_struct(options, size, burin::api::default_load_options());
}

burin_status burin_engine_new(const burin_engine_options* options, burin_engine** engine, burin_error** error) {
  return guarded(error, [&] {
    required(engine, "engine") = nullptr;
    *engine = burin::api::new_engine(options);
  });
}

void burin_engine_free(burin_engine* engine) {
  delete engine;
}

burin_status burin_engine_load(burin_engine* engine, const burin_load_options* options,
                               burin_progress_callback on_progress, void* user_data, burin_error** error) {
  return guarded(error, [&] { burin::api::load(required(engine, "engine"), options, on_progress, user_data); });
}

burin_status burin_engine_unload(burin_engine* engine, burin_error** error) {
  return guarded(error, [&] { burin::api::runner_of(engine).unload(); });
}

int32_t burin_engine_is_loaded(const burin_engine* engine) {
  return engine != nullptr && engine->runner.is_loaded() ? 1 : 0;
}

void burin_engine_cancel(burin_engine* engine) {
  if (engine != nullptr) {
    engine->runner.cancel();
  }
}

burin_status burin_engine_facts(const burin_engine* engine, burin_model_facts* facts, char** name, char** model_type,
                                char** device, burin_error** error) {
  using namespace burin::api;
  return guarded(error, [&] {
    const burin::engine::ModelFacts found = required(engine, "engine").runner.facts();
    write_struct(facts,
                 {.size = 0,
                  .context_size = found.context_size,
                  .vocab_size = found.vocab_size,
                  .thread_count = found.thread_count,
                  .weight_bytes = found.weight_bytes,
                  .kv_bytes_per_token = found.kv_bytes_per_token},
                 "facts");
    const std::scoped_lock lock(engine->mutex);
    put_string(name, engine->model_name);
    put_string(model_type, found.model_type);
    put_string(device, found.device);
  });
}

burin_status burin_engine_metrics(const burin_engine* engine, burin_metrics* metrics) {
  using namespace burin::api;
  return guarded(nullptr,
                 [&] { write_struct(metrics, metrics_of(required(engine, "engine").runner.metrics()), "metrics"); });
}

burin_status burin_engine_health(const burin_engine* engine, burin_health* health, char** reason) {
  using namespace burin::api;
  return guarded(nullptr, [&] {
    const burin::engine::HealthSnapshot snapshot = required(engine, "engine").runner.health();
    write_struct(health,
                 {.size = 0,
                  .state = static_cast<int32_t>(snapshot.state),
                  .recent_errors = snapshot.recent_errors,
                  .since_ms = snapshot.since.count(),
                  .last_code = snapshot.last_error ? static_cast<burin_status>(*snapshot.last_error) : BURIN_OK},
                 "health");
    put_string(reason, snapshot.reason);
  });
}

burin_status burin_engine_optimize_performance(burin_engine* engine, burin_error** error) {
  return guarded(error, [&] { burin::api::runner_of(engine).give_back_memory(); });
}

burin_status burin_engine_attempt_recovery(burin_engine* engine, burin_error** error) {
  return guarded(error, [&] { burin::api::runner_of(engine).attempt_recovery(); });
}
