/* A program in C: c_test FAKE_BACKEND_FOLDER SCRATCH_FOLDER. Exit 0 when all holds, else the line that does not. */
#include <burin/burin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)

static int stop_after_two(const burin_token* token, void* user_data) {
  int* seen = user_data;
  CHECK(token->size == sizeof *token && token->text_size == strlen(token->text));
  return ++*seen == 2;
}

static int stop_loading(double fraction, void* user_data) {
  CHECK(fraction == 1.0 && user_data == NULL);
  return 1;
}

static burin_engine* make_engine(const char* backend_dir, const char* model_home) {
  burin_environment environment = {.size = sizeof environment, .model_home = model_home, .backend_dir = backend_dir};
  burin_engine_options options;
  burin_engine_options_init(&options, sizeof options);
  CHECK(options.max_waiting == 8);
  options.environment = &environment;
  burin_engine* engine = NULL;
  burin_error* error = NULL;
  CHECK(burin_engine_new(&options, &engine, &error) == BURIN_OK && error == NULL);
  return engine;
}

static void check_pull(burin_engine* engine) {
  burin_request request;
  burin_request_init(&request, sizeof request);
  request.prompt = "abc";
  burin_generation* generation = NULL;
  CHECK(burin_engine_start(engine, &request, &generation, NULL) == BURIN_OK);
  burin_token token = {.size = sizeof token};
  char text[16] = "";
  while (burin_generation_next(generation, &token, NULL) == BURIN_OK) strcat(text, token.text);
  CHECK(burin_generation_next(generation, &token, NULL) == BURIN_END);
  CHECK(strcmp(text, "<s>abc") == 0 || strcmp(text, "abc") == 0);
  burin_result result = {.size = sizeof result};
  CHECK(burin_generation_result(generation, &result, NULL) == BURIN_OK);
  CHECK(result.finish_reason == BURIN_FINISH_STOP && strcmp(result.text, text) == 0);
  CHECK(result.text_size == strlen(text) && result.id_count == strlen(text));
  burin_generation_free(generation);
}

static void check_callback(burin_engine* engine) {
  burin_message messages[] = {{sizeof *messages, "system", "be"}, {sizeof *messages, "user", "slow"}};
  burin_request request;
  burin_request_init(&request, sizeof request);
  request.messages = messages;
  request.message_count = 2;
  burin_generation* generation = NULL;
  int seen = 0;
  CHECK(burin_engine_generate(engine, &request, stop_after_two, &seen, &generation, NULL) == BURIN_OK && seen == 2);
  burin_result result = {.size = sizeof result};
  CHECK(burin_generation_result(generation, &result, NULL) == BURIN_OK);
  CHECK(result.finish_reason == BURIN_FINISH_CANCELLED);
  burin_generation_free(generation);
}

static void check_errors(burin_engine* engine) {
  burin_load_options options;
  burin_load_options_init(&options, sizeof options);
  options.model = "nowhere";
  burin_error* error = NULL;
  CHECK(burin_engine_load(engine, &options, NULL, NULL, &error) == BURIN_NOT_FOUND);
  CHECK(burin_error_code(error) == BURIN_NOT_FOUND);
  CHECK(strcmp(burin_error_type(error), "model_not_found") == 0);
  CHECK(strcmp(burin_error_fact(error, "model"), "nowhere") == 0);
  CHECK(burin_error_fact(error, "no such fact") == NULL);
  CHECK(burin_error_fact_name(error, 99) == NULL);
  burin_error_free(error);
  CHECK(burin_engine_load(NULL, &options, NULL, NULL, NULL) == BURIN_INVALID_ARGUMENT);
  CHECK(burin_engine_load(engine, NULL, NULL, NULL, NULL) == BURIN_INVALID_ARGUMENT);
}

int main(int argc, char** argv) {
  CHECK(argc == 3 && burin_abi_version() == BURIN_ABI_VERSION && strlen(burin_version()) >= 5);
  char path[4096];
  snprintf(path, sizeof path, "%s/c-models", argv[2]);
  mkdir(path, 0777);
  burin_engine* engine = make_engine(argv[1], path);
  strcat(path, "/tiny");
  mkdir(path, 0777);
  strcat(path, "/config.json");
  FILE* config = fopen(path, "w");
  CHECK(config != NULL && fputs("{\"model_type\": \"llama\"}", config) >= 0 && fclose(config) == 0);

  check_errors(engine);
  burin_load_options options;
  burin_load_options_init(&options, sizeof options);
  options.model = "tiny";
  CHECK(burin_engine_load(engine, &options, stop_loading, NULL, NULL) == BURIN_CANCELLED);
  CHECK(burin_engine_is_loaded(engine) == 0);
  CHECK(burin_engine_load(engine, &options, NULL, NULL, NULL) == BURIN_OK);
  CHECK(burin_engine_is_loaded(engine) == 1);
  check_pull(engine);
  check_callback(engine);
  burin_health health = {.size = sizeof health};
  CHECK(burin_engine_health(engine, &health, NULL) == BURIN_OK && health.state == BURIN_HEALTHY);
  CHECK(burin_engine_unload(engine, NULL) == BURIN_OK && burin_engine_is_loaded(engine) == 0);
  burin_engine_free(engine);
  burin_engine_free(NULL);
  return 0;
}
