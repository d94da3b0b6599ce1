"""What a model folder's tokenizer is, classes included: equal to transformers' AutoTokenizer; streams equal decode."""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import fetch_fixtures
import pytest
from test_tokenizer import NAMES, odd_text
from transformers import AutoTokenizer

FULL = os.environ.get("BURIN_FULL") == "1"
COUNT = 3000 if FULL else 100

LLAMA_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
BERT_TOKENS = {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
XLM_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"}
ADDED = {"151700": {"content": "<|extra|>", "special": True, "normalized": False, "lstrip": True, "rstrip": False, "single_word": False}}

# name: vocabulary, model_type, tokenizer_config
FOLDERS = {
    "file as it is": ("smollm2", "llama", {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|im_start|>"}),
    "gpt2 class": ("smollm2", "llama", {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}),
    "qwen2": ("qwen2", "qwen2", {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "bos_token": None}),
    "qwen2 under a llama class": ("qwen2", "qwen2", {"tokenizer_class": "LlamaTokenizerFast", "eos_token": "<|endoftext|>"}),
    "qwen3 with an added token": ("qwen2", "qwen3", {"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": ADDED}),
    "qwen3_5": ("qwen35", "qwen3_5", {"tokenizer_class": "Qwen2Tokenizer"}),
    "llama new": ("llama-spm", "llama", {"tokenizer_class": "LlamaTokenizer", "legacy": False, **LLAMA_TOKENS}),
    "llama legacy": ("llama-spm", "llama", {"tokenizer_class": "LlamaTokenizer", "legacy": True, **LLAMA_TOKENS}),
    "llama legacy null": ("llama-spm", "llama", {"tokenizer_class": "LlamaTokenizer", "legacy": None, **LLAMA_TOKENS}),
    "llama without prefix": ("llama-spm", "llama", {"tokenizer_class": "LlamaTokenizer", "add_prefix_space": False, **LLAMA_TOKENS}),
    "llama with add_eos": ("llama-spm", "llama", {"tokenizer_class": "LlamaTokenizer", "add_eos_token": True, "add_bos_token": False, **LLAMA_TOKENS}),
    "llama 3": ("llama-bpe", "llama", {"tokenizer_class": "LlamaTokenizer", "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}),
    "mistral": ("llama-spm", "mistral", {"tokenizer_class": "LlamaTokenizer", **LLAMA_TOKENS}),
    "phi3": ("phi-3", "phi3", {"tokenizer_class": "LlamaTokenizer", **LLAMA_TOKENS, "eos_token": "<|endoftext|>"}),
    "gemma": ("gemma-4", "gemma3_text", {"tokenizer_class": "GemmaTokenizer", "bos_token": "<bos>", "eos_token": "<eos>"}),
    "bert": ("minilm", "bert", {"tokenizer_class": "BertTokenizer", "do_lower_case": True, **BERT_TOKENS}),
    "bert cased": ("bert-bge", "bert", {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "clean_up_tokenization_spaces": True, **BERT_TOKENS}),
    "cohere2": ("command-r", "cohere2", {"tokenizer_class": "CohereTokenizer", "bos_token": "<BOS_TOKEN>"}),
    "starcoder2": ("starcoder", "starcoder2", {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|endoftext|>"}),
    "gpt_neox": ("mpt", "gpt_neox", {"tokenizer_class": "GPTNeoXTokenizer", "add_bos_token": True}),
    "xlm-roberta": ("nomic-bert-moe", "xlm-roberta", {"tokenizer_class": "XLMRobertaTokenizer", **XLM_TOKENS}),
    "no class": ("deepseek-llm", "llama", {}),
}


@pytest.fixture(scope="module")
def vocabularies():
    return fetch_fixtures.ensure() / "tokenizers"


def run_probe(burin, folder, lines):
    program = Path(os.environ.get("BURIN_TOKENIZER_PROBE", Path(burin).parent / "tokenizer_probe"))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([str(program), str(folder)], input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    answers = [json.loads(line) for line in done.stdout.split(b"\n") if line]
    assert len(answers) == len(lines)
    return answers


def write_folder(folder, vocabulary, model_type, config):
    shutil.copyfile(vocabulary / "tokenizer.json", folder / "tokenizer.json")
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_equal_transformers(burin, vocabularies, tmp_path, name):
    vocabulary, model_type, config = FOLDERS[name]
    write_folder(tmp_path, vocabularies / vocabulary, model_type, config)
    reference = AutoTokenizer.from_pretrained(str(tmp_path))
    added = [token.content for token in reference.added_tokens_decoder.values()]
    rng = random.Random(name)
    texts = ["hi</s>hi", "  two  spaces ", "", *(odd_text(rng, added) for _ in range(COUNT))]
    for text, answer in zip(texts, run_probe(burin, tmp_path, [{"text": text} for text in texts]), strict=True):
        ids = reference.encode(text)
        assert answer["ids"] == ids, text
        assert answer["bare"] == reference.encode(text, add_special_tokens=False), text
        assert answer["text"] == reference.decode(ids), text
        assert answer["skipped"] == reference.decode(ids, skip_special_tokens=True), text
        assert answer["streamed"] == answer["text"], text


@pytest.mark.parametrize("name", NAMES)
def test_streams_equal_decode_for_any_ids(burin, vocabularies, name):
    """Ids in an order no text gives: broken characters, stray bytes, special tokens anywhere."""
    from tokenizers import Tokenizer

    reference = Tokenizer.from_file(str(vocabularies / name / "tokenizer.json"))
    size = reference.get_vocab_size()
    rng = random.Random(name)
    rows = [[rng.randrange(size) for _ in range(rng.randrange(1, 20))] for _ in range(COUNT)]
    rows = [[i for i in ids if reference.id_to_token(i) is not None] for ids in rows]
    answers = run_probe(burin, vocabularies / name, [{"ids": ids} for ids in rows])
    for ids, answer, text in zip(rows, answers, reference.decode_batch(rows, skip_special_tokens=False), strict=True):
        assert answer["text"] == text, ids
        assert answer["streamed"] == text, ids
