// The C interface of the Rust library beside this file. Functions that return a status put either their
// result or, when the status is not BURIN_BRIDGE_OK, the text of the error into `out`; both are released with
// burin_buffer_free. Const objects may be used from several threads at once.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// NOLINTBEGIN(readability-identifier-naming): C names
enum burin_bridge_status {
  BURIN_BRIDGE_OK = 0,
  BURIN_BRIDGE_INVALID_ARGUMENT = 1,
  BURIN_BRIDGE_CORRUPT = 2,
  BURIN_BRIDGE_RESOURCE_EXHAUSTED = 3,
  BURIN_BRIDGE_INTERNAL = 4,
  BURIN_BRIDGE_UNSUPPORTED = 5,
};

typedef struct burin_text {
  const uint8_t* data;
  size_t size;
} burin_text;

typedef struct burin_buffer {
  uint8_t* data;
  size_t size;
} burin_buffer;

typedef struct burin_tokenizer burin_tokenizer;
typedef struct burin_stream burin_stream;
typedef struct burin_template burin_template;
typedef struct burin_vocabulary burin_vocabulary;
typedef struct burin_grammar burin_grammar;
typedef struct burin_matcher burin_matcher;

enum burin_grammar_kind {
  BURIN_GRAMMAR_JSON_SCHEMA = 0,
  BURIN_GRAMMAR_JSON = 1,
  BURIN_GRAMMAR_REGEX = 2,
  BURIN_GRAMMAR_LARK = 3,
};

/* The files of a model folder; an empty text for one that is absent. */
typedef struct burin_folder_files {
  burin_text tokenizer;
  burin_text tokenizer_config;
  burin_text special_tokens_map;
  burin_text added_tokens;
  burin_text config;
} burin_folder_files;
// NOLINTEND(readability-identifier-naming)

void burin_buffer_free(burin_buffer buffer);

int32_t burin_tokenizer_load_file(burin_text json, burin_tokenizer** tokenizer, burin_buffer* out);
int32_t burin_tokenizer_load_folder(const burin_folder_files* files, burin_tokenizer** tokenizer, burin_buffer* out);
void burin_tokenizer_free(burin_tokenizer* tokenizer);

/* JSON: vocab_size, id_limit, bos_token_id, eos_token_id, has_thinking, special_tokens. */
int32_t burin_tokenizer_describe(const burin_tokenizer* tokenizer, burin_buffer* out);

/* `out` holds the ids as an array of int32_t, `size` still in bytes. */
int32_t burin_tokenizer_encode(const burin_tokenizer* tokenizer, burin_text text, bool add_special_tokens,
                               burin_buffer* out);
int32_t burin_tokenizer_decode(const burin_tokenizer* tokenizer, const int32_t* ids, size_t count,
                               bool skip_special_tokens, burin_buffer* out);

/* -1 for an unknown token. */
int64_t burin_tokenizer_token_to_id(const burin_tokenizer* tokenizer, burin_text token);

/* 1 with the token in `out`, or 0. */
int32_t burin_tokenizer_id_to_token(const burin_tokenizer* tokenizer, int32_t id, burin_buffer* out);

/* A stream is used with the tokenizer it was made from, by one thread at a time. */
int32_t burin_stream_new(const burin_tokenizer* tokenizer, burin_stream** stream, burin_buffer* out);
void burin_stream_free(burin_stream* stream);
int32_t burin_stream_add(burin_stream* stream, const burin_tokenizer* tokenizer, int32_t id, burin_buffer* out);
int32_t burin_stream_finish(burin_stream* stream, const burin_tokenizer* tokenizer, burin_buffer* out);

int32_t burin_template_new(burin_text source, burin_template** compiled, burin_buffer* out);
void burin_template_free(burin_template* compiled);

/* `context` is a JSON object: the variables of the template. */
int32_t burin_template_render(const burin_template* compiled, burin_text context, burin_buffer* out);

/* The tokens as bytes, for grammars; `ends` are the tokens that end an answer. It keeps the tokenizer alive. */
int32_t burin_vocabulary_new(const burin_tokenizer* tokenizer, const int32_t* ends, size_t count,
                             burin_vocabulary** vocabulary, burin_buffer* out);
void burin_vocabulary_free(burin_vocabulary* vocabulary);

int32_t burin_grammar_new(const burin_vocabulary* vocabulary, int32_t kind, burin_text text, burin_grammar** grammar,
                          burin_buffer* out);
void burin_grammar_free(burin_grammar* grammar);

/* A matcher is used by one thread at a time. After an error every call fails with the same error. */
int32_t burin_matcher_new(const burin_grammar* grammar, burin_matcher** matcher, burin_buffer* out);
void burin_matcher_free(burin_matcher* matcher);
/* Bit i of words[i / 32], lowest first, says whether token i may come next. */
int32_t burin_matcher_mask(burin_matcher* matcher, uint32_t* words, size_t count, burin_buffer* out);
int32_t burin_matcher_consume(burin_matcher* matcher, int32_t id, burin_buffer* out);
/* An end of at most `most` tokens, after the token `first` (-1: now). `known` is one without `first`; no other is
   looked for where `only_known`. */
typedef struct burin_wanted_end {
  const int32_t* known;
  size_t count;
  size_t most;
  int32_t first;
  bool only_known;
} burin_wanted_end;
/* Ids as int32_t that complete an answer in JSON, if `found`; those of `known` as far as they still do. */
int32_t burin_matcher_closing(burin_matcher* matcher, const burin_wanted_end* wanted, bool* found, burin_buffer* out);
/* Ids as int32_t. */
int32_t burin_matcher_forced(burin_matcher* matcher, burin_buffer* out);
int32_t burin_matcher_state(burin_matcher* matcher, bool* accepting, bool* stopped, burin_buffer* out);

#ifdef __cplusplus
}
#endif
