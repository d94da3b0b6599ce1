"""burin from Python by ctypes alone: the C interface as any other language sees it.

    python3 burin_ctypes.py /opt/burin/lib/libburin.so MODEL "A question"
"""

import ctypes
import sys
from ctypes import (
    POINTER,
    byref,
    c_char_p,
    c_double,
    c_float,
    c_int32,
    c_int64,
    c_size_t,
    c_uint64,
    c_void_p,
)

OK, END = 0, -1
FINISH = {0: None, 1: "stop", 2: "length", 3: "cancelled"}
ABI = 0


class Sized(ctypes.Structure):
    """Every struct of the interface begins with its size."""

    def __init__(self, **fields):
        super().__init__(size=ctypes.sizeof(self), **fields)


def set_fields(struct, values):
    for name, value in values.items():
        setattr(struct, name, value.encode() if isinstance(value, str) else value)


class Environment(Sized):
    _fields_ = [("size", c_size_t)] + [(name, c_char_p) for name in ("home", "model_home", "hub_cache", "backend_dir")]


class EngineOptions(Sized):
    _fields_ = [("size", c_size_t), ("environment", POINTER(Environment)), ("backend", c_char_p), ("max_waiting", c_int64)]


class LoadOptions(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("model", c_char_p),
        *[(name, c_int32) for name in ("precision", "threads")],
        *[(name, c_char_p) for name in ("draft_model", "pack_folder")],
        *[(name, c_int32) for name in ("keep_sequence", "max_kv_size", "kv_bits", "kv_group_size")],
        *[(name, c_int32) for name in ("quantized_kv_start", "with_tokenizer")],
    ]


class GenerateParams(Sized):
    _fields_ = [
        ("size", c_size_t),
        *[(name, c_int32) for name in ("max_tokens", "top_k", "min_tokens_to_keep", "repetition_context_size")],
        *[(name, c_int32) for name in ("presence_context_size", "frequency_context_size", "prefill_step_size", "has_seed")],
        ("seed", c_uint64),
        *[(name, c_double) for name in ("temperature", "top_p", "min_p", "xtc_probability", "xtc_threshold")],
        *[(name, c_double) for name in ("repetition_penalty", "presence_penalty", "frequency_penalty")],
        ("stop", POINTER(c_char_p)),
        ("stop_count", c_size_t),
        ("logit_bias_ids", POINTER(c_int32)),
        ("logit_bias_values", POINTER(c_float)),
        ("logit_bias_count", c_size_t),
        ("format_text", c_char_p),
        *[(name, c_int32) for name in ("format", "draft", "num_draft_tokens", "ignore_eos")],
    ]


class Message(Sized):
    _fields_ = [("size", c_size_t), ("role", c_char_p), ("content", c_char_p)]


class Request(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("prompt", c_char_p),
        ("prompt_ids", POINTER(c_int32)),
        ("prompt_id_count", c_size_t),
        ("messages", POINTER(Message)),
        ("message_count", c_size_t),
        *[(name, c_char_p) for name in ("messages_json", "tools_json", "template_kwargs_json")],
        ("params", POINTER(GenerateParams)),
    ]


class Token(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("text", c_void_p),
        ("text_size", c_size_t),
        ("id", c_int32),
        ("logprob", c_float),
        ("finish_reason", c_int32),
    ]


class Result(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("text", c_void_p),
        ("text_size", c_size_t),
        ("ids", POINTER(c_int32)),
        ("id_count", c_size_t),
        ("finish_reason", c_int32),
        ("prompt_tokens", c_int32),
        *[(name, c_double) for name in ("first_token_ms", "prompt_tokens_per_s", "tokens_per_s")],
        ("cached_tokens", c_uint64),
        *[(name, c_int32) for name in ("draft_tokens", "accepted_tokens")],
    ]


class BurinError(Exception):
    """A failure of the library: code, message, hint, type, facts."""

    def __init__(self, code, message, hint, kind, facts):
        super().__init__(message)
        self.code, self.hint, self.type, self.facts = code, hint, kind, facts


class Burin:
    """The shared library with the types of what is used here."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(str(path))
        for name in ("message", "hint", "type"):
            self._declare(f"burin_error_{name}", c_char_p, c_void_p)
        self._declare("burin_error_fact", c_char_p, c_void_p, c_char_p)
        self._declare("burin_error_fact_name", c_char_p, c_void_p, c_size_t)
        for kind in ("engine", "generation", "error"):
            self._declare(f"burin_{kind}_free", None, c_void_p)
        self._declare("burin_engine_cancel", None, c_void_p)
        self._declare("burin_generation_cancel", None, c_void_p)
        self._declare("burin_engine_is_loaded", c_int32, c_void_p)
        self._declare("burin_load_options_init", None, POINTER(LoadOptions), c_size_t)
        self._declare("burin_generate_params_init", None, POINTER(GenerateParams), c_size_t)
        self._declare("burin_engine_options_init", None, POINTER(EngineOptions), c_size_t)
        self._declare("burin_version", c_char_p)
        if self.lib.burin_abi_version() != ABI:
            raise RuntimeError("this binding is for another ABI of libburin")

    def _declare(self, name, result, *arguments):
        function = getattr(self.lib, name)
        function.restype, function.argtypes = result, arguments

    def call(self, name, *arguments):
        """The status of a function whose last parameter is the error; raises BurinError."""
        error = c_void_p()
        status = getattr(self.lib, name)(*arguments, byref(error))
        if status in (OK, END):
            return status
        texts = [getattr(self.lib, f"burin_error_{part}")(error).decode() for part in ("message", "hint", "type")]
        facts, index = {}, 0
        while key := self.lib.burin_error_fact_name(error, index):
            facts[key.decode()] = self.lib.burin_error_fact(error, key).decode()
            index += 1
        self.lib.burin_error_free(error)
        raise BurinError(status, *texts, facts)


class Stream:
    """An answer as it comes; iterate over its texts."""

    def __init__(self, burin, handle, keep):
        self.burin, self.handle, self.keep = burin, handle, keep

    def __iter__(self):
        token = Token()
        while self.burin.call("burin_generation_next", self.handle, byref(token)) == OK:
            yield ctypes.string_at(token.text, token.text_size).decode()

    def cancel(self):
        """From any thread."""
        self.burin.lib.burin_generation_cancel(self.handle)

    def figures(self):
        """Waits for the end: the whole Result."""
        result = Result()
        self.burin.call("burin_generation_result", self.handle, byref(result))
        return result

    def result(self):
        """Waits for the end: text, token ids, finish reason."""
        result = self.figures()
        text = ctypes.string_at(result.text, result.text_size).decode()
        return text, result.ids[: result.id_count], FINISH[result.finish_reason]

    def close(self):
        """Cancels what still runs."""
        if self.handle:
            self.burin.lib.burin_generation_free(self.handle)
        self.handle = None

    __del__ = close


class Engine:
    """One place for one loaded model."""

    def __init__(self, burin, **environment):
        self.burin, self.handle = burin, c_void_p()
        options = EngineOptions()
        burin.lib.burin_engine_options_init(byref(options), ctypes.sizeof(options))
        if environment:
            encoded = {name: str(value).encode() for name, value in environment.items()}
            options.environment = ctypes.pointer(Environment(**encoded))
        burin.call("burin_engine_new", byref(options), byref(self.handle))

    def load(self, model, **options):
        """Loads by name or path."""
        given = LoadOptions()
        self.burin.lib.burin_load_options_init(byref(given), ctypes.sizeof(given))
        set_fields(given, {"model": model, **options})
        self.burin.call("burin_engine_load", self.handle, byref(given), None, None)

    def stream(self, prompt, **params):
        """`prompt`: text or a list of token ids to continue, or a list of {"role", "content"}."""
        given = GenerateParams()
        self.burin.lib.burin_generate_params_init(byref(given), ctypes.sizeof(given))
        set_fields(given, params)
        request = Request(params=ctypes.pointer(given))
        if isinstance(prompt, str):
            request.prompt = prompt.encode()
        elif all(isinstance(token, int) for token in prompt):
            request.prompt_ids, request.prompt_id_count = (c_int32 * len(prompt))(*prompt), len(prompt)
        else:
            messages = [Message(role=m["role"].encode(), content=m["content"].encode()) for m in prompt]
            request.messages = (Message * len(messages))(*messages)
            request.message_count = len(messages)
        handle = c_void_p()
        self.burin.call("burin_engine_start", self.handle, byref(request), byref(handle))
        return Stream(self.burin, handle, self)

    def optimize_performance(self):
        """Gives back the memory that no request needs."""
        self.burin.call("burin_engine_optimize_performance", self.handle)

    def cancel(self):
        """Ends whatever the engine does; from any thread."""
        self.burin.lib.burin_engine_cancel(self.handle)

    def close(self):
        """Frees the model."""
        if self.handle:
            self.burin.lib.burin_engine_free(self.handle)
        self.handle = None

    __del__ = close


def main(library, model, question):
    engine = Engine(Burin(library))
    engine.load(model)
    for text in engine.stream([{"role": "user", "content": question}], max_tokens=128):
        print(text, end="", flush=True)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:4])
