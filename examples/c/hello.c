/* The shortest way to an answer in C: hello MODEL [PROMPT]. */
#include <burin/burin.h>
#include <stdio.h>

static int print_token(const burin_token* token, void* user_data) {
  (void)user_data;
  fwrite(token->text, 1, token->text_size, stdout);
  return fflush(stdout) == 0 ? 0 : 1; /* another value than 0 ends the answer */
}

static int failed(burin_error* error) {
  int code = burin_error_code(error);
  fprintf(stderr, "error: %s\n%s\n", burin_error_message(error), burin_error_hint(error));
  burin_error_free(error);
  return code; /* the codes are exit statuses */
}

static int answer(burin_engine* engine, const char* model, const char* prompt) {
  burin_error* error = NULL;
  burin_load_options options;
  burin_load_options_init(&options, sizeof options);
  options.model = model;
  if (burin_engine_load(engine, &options, NULL, NULL, &error) != BURIN_OK) return failed(error);

  burin_message message = {sizeof message, "user", prompt};
  burin_generate_params params;
  burin_generate_params_init(&params, sizeof params);
  params.max_tokens = 64;
  burin_request request;
  burin_request_init(&request, sizeof request);
  request.messages = &message;
  request.message_count = 1;
  request.params = &params;

  burin_generation* generation = NULL;
  if (burin_engine_generate(engine, &request, print_token, NULL, &generation, &error) != BURIN_OK) return failed(error);
  puts("");
  burin_generation_free(generation);
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: hello MODEL [PROMPT]\n");
    return BURIN_INVALID_ARGUMENT;
  }
  if (burin_abi_version() != BURIN_ABI_VERSION) return BURIN_UNSUPPORTED;
  burin_error* error = NULL;
  burin_engine* engine = NULL;
  if (burin_engine_new(NULL, &engine, &error) != BURIN_OK) return failed(error);
  int status = answer(engine, argv[1], argc > 2 ? argv[2] : "What is the capital of France?");
  burin_engine_free(engine);
  return status;
}
