//! The tokenizer classes that transformers 5 rebuilds in code, taking only vocabulary, merges and
//! post-processor from tokenizer.json, and the rules by which it picks the class.
//! Source: transformers 5.23, models/auto/tokenization_auto.py and models/*/tokenization_*.py.

use serde_json::{json, Value};

use crate::model_file::TokenizerFile;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Bert,
    Cohere,
    Gemma,
    Gpt2,
    GptNeox,
    Llama,
    Qwen2,
    Qwen35,
    Roberta,
    XlmRoberta,
}

const CLASSES: [(&str, Class); 10] = [
    ("BertTokenizer", Class::Bert),
    ("CohereTokenizer", Class::Cohere),
    ("GPT2Tokenizer", Class::Gpt2),
    ("GPTNeoXTokenizer", Class::GptNeox),
    ("GemmaTokenizer", Class::Gemma),
    ("LlamaTokenizer", Class::Llama),
    ("Qwen2Tokenizer", Class::Qwen2),
    ("Qwen3_5Tokenizer", Class::Qwen35),
    ("RobertaTokenizer", Class::Roberta),
    ("XLMRobertaTokenizer", Class::XlmRoberta),
];

/// The class registered for a model type; "" for those that run the file as it is.
const MODEL_TYPES: [(&str, &str); 11] = [
    ("BertTokenizer", "align bark bert blip bros chinese_clip convbert distilbert electra ernie flava git grounding-dino layoutlm megatron-bert mm-grounding-dino nezha nomic_bert qdqbert realm retribert squeezebert tvp vilt visual_bert"),
    ("CohereTokenizer", "aya_vision cohere cohere2"),
    ("GPT2Tokenizer", "blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj hyperclovax_vision_v2 instructblip instructblipvideo jais2 opt phi starcoder2"),
    ("GPTNeoXTokenizer", "falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm"),
    ("GemmaTokenizer", "diffusion_gemma gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma shieldgemma2 t5gemma zaya"),
    ("LlamaTokenizer", "idefics idefics2"),
    ("Qwen2Tokenizer", "audioflamingo3 colqwen2 cosmos3_omni dots3_note fun_asr_nano hunyuan_vl internvl moss_transcribe_diarize ovis2 qianfan_ocr qwen2 qwen2_5_omni qwen2_5_vl qwen2_audio qwen2_moe qwen2_vl qwen3 qwen3_asr qwen3_moe qwen3_next qwen3_omni_moe qwen3_vl qwen3_vl_moe lighton_ocr vibevoice"),
    ("Qwen3_5Tokenizer", "qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen4_exp"),
    ("RobertaTokenizer", "bart bridgetower clap data2vec-text ibert lilt longformer mega mra roberta roberta-prelayernorm"),
    ("XLMRobertaTokenizer", "gte jina_embeddings_v3 metaclip_2 trocr xlm-roberta xmod"),
    ("", "aria beam bigbird_pegasus canary flex_olmo glm glm4 glm4_moe glm4_moe_lite glm4v glm4v_moe glm_image glmasr got_ocr2 gpt_bigcode granite granitemoe granitemoehybrid granitemoeshared kimi_k25 kimi_linear kosmos-2 mimo_v2_flash minicpm_ocr minicpmv4_6 minicpmv4_7 nystromformer olmo2 olmo3 olmo_hybrid pegasus_x persimmon pix2struct stablelm umt5 xlm-roberta-xl ministral ministral3 mistral mistral3 mistral_large4 mixtral pixtral voxtral voxtral_realtime"),
];

/// Model types whose published `tokenizer_class` is known to be wrong: the registered one rules.
const WRONG_ON_THE_HUB: &str = "arctic chatlm ernie4_5 ernie4_5_moe fuyu h2ovl_chat hyperclovax hyperclovax_vlm hyperclovax_vision_v2 internlm2 internlm3 iquestcoder jamba llava llava_next minicpm3 minicpmv minimax_m2 modernbert modernbert-decoder molmo molmo2 nemotron nvfp4 opencua openvla paddleocr_vl phi3 phi3_v phimoe qwen2 qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen4_exp step3_vl vipllava cohere_asr camembertv2-base siglip2 smolvlm";

const QWEN2_PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35_PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

fn lists(words: &str, word: &str) -> bool {
    !word.is_empty() && words.split(' ').any(|entry| entry == word)
}

fn class_named(name: &str) -> Option<Class> {
    CLASSES.iter().find(|(entry, _)| *entry == name).map(|(_, class)| *class)
}

fn registered(model_type: &str) -> Option<&'static str> {
    let entry = MODEL_TYPES.iter().find(|(_, types)| lists(types, model_type));
    let wrong = lists(WRONG_ON_THE_HUB, model_type);
    entry.map(|(name, _)| *name).or(if wrong { Some("") } else { None })
}

/// What decides the class of a model folder.
pub struct ClassHints<'a> {
    pub model_type: &'a str,
    /// `tokenizer_class` of tokenizer_config.json.
    pub tokenizer_class: Option<&'a str>,
    /// `tokenizer_class` of config.json.
    pub config_class: Option<&'a str>,
    pub file_has_byte_level: bool,
}

/// The class whose constructor rebuilds the pipeline, or none where tokenizer.json is run as it is.
pub fn choose(hints: &ClassHints) -> Option<Class> {
    let strip = |name: &'_ str| name.strip_suffix("Fast").unwrap_or(name).to_string();
    let hub = hints.tokenizer_class.or(hints.config_class).map(strip);
    let wrong = lists(WRONG_ON_THE_HUB, hints.model_type);
    if hub.as_deref() == Some("LlamaTokenizer") && !wrong && hints.file_has_byte_level {
        return None;
    }
    match (hub, registered(hints.model_type)) {
        (Some(hub), Some(name)) if name != hub => match name {
            "" => None,
            _ if wrong => class_named(name),
            _ => class_named(&hub),
        },
        (Some(hub), _) => class_named(&hub),
        (None, name) => class_named(name.unwrap_or("")),
    }
}

/// The tokens a class assumes for names its tokenizer_config.json does not mention.
pub fn default_tokens(class: Class) -> &'static [(&'static str, &'static str)] {
    const END: &str = "<|endoftext|>";
    match class {
        Class::Llama => &[("unk_token", "<unk>"), ("bos_token", "<s>"), ("eos_token", "</s>")],
        Class::Gemma => &[
            ("unk_token", "<unk>"),
            ("bos_token", "<bos>"),
            ("eos_token", "<eos>"),
            ("pad_token", "<pad>"),
            ("mask_token", "<mask>"),
        ],
        Class::Qwen2 | Class::Qwen35 => &[("unk_token", END), ("eos_token", END), ("pad_token", END)],
        Class::Bert => &[
            ("unk_token", "[UNK]"),
            ("sep_token", "[SEP]"),
            ("pad_token", "[PAD]"),
            ("cls_token", "[CLS]"),
            ("mask_token", "[MASK]"),
        ],
        Class::Gpt2 => &[("unk_token", END), ("bos_token", END), ("eos_token", END)],
        Class::GptNeox => {
            &[("unk_token", END), ("bos_token", END), ("eos_token", END), ("pad_token", "<|padding|>")]
        }
        Class::Cohere => &[
            ("unk_token", "<UNK>"),
            ("bos_token", "<BOS_TOKEN>"),
            ("eos_token", "<|END_OF_TURN_TOKEN|>"),
            ("pad_token", "<PAD>"),
            ("cls_token", "<CLS>"),
            ("sep_token", "<SEP>"),
            ("mask_token", "<MASK_TOKEN>"),
        ],
        Class::Roberta | Class::XlmRoberta => &[
            ("bos_token", "<s>"),
            ("eos_token", "</s>"),
            ("sep_token", "</s>"),
            ("cls_token", "<s>"),
            ("unk_token", "<unk>"),
            ("pad_token", "<pad>"),
            ("mask_token", "<mask>"),
        ],
    }
}

fn byte_level(add_prefix_space: bool, use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": true, "use_regex": use_regex})
}

fn flag(config: &Value, key: &str, default: bool) -> bool {
    config.get(key).and_then(Value::as_bool).unwrap_or(default)
}

fn spm_decoder(strip: bool) -> Value {
    let mut steps = vec![
        json!({"type": "Replace", "pattern": {"String": "\u{2581}"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if strip {
        steps.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    json!({"type": "Sequence", "decoders": steps})
}

/// Replaces what `class` builds itself; its post-processor comes later, once token ids are known.
pub fn rebuild(class: Class, file: &mut TokenizerFile, config: &Value, unk_token: Option<&str>) {
    let charsmap = find_charsmap(file.normalizer.as_ref());
    let model = &mut file.model;
    model.dropout = None;
    model.unk_token = None;
    model.continuing_subword_prefix = None;
    model.end_of_word_suffix = None;
    model.fuse_unk = Some(matches!(class, Class::Llama | Class::Gemma));
    model.byte_fallback = Some(matches!(class, Class::Llama | Class::Gemma));
    model.ignore_merges = Some(false);
    let prefix_space = flag(config, "add_prefix_space", false);
    file.normalizer = None;
    file.decoder = Some(byte_level(true, true));
    match class {
        Class::Llama => {
            let prefix_space = flag(config, "add_prefix_space", true);
            let scheme = match (prefix_space, flag(config, "legacy", false)) {
                (false, _) => "never",
                (true, true) => "always",
                (true, false) => "first",
            };
            file.pre_tokenizer = Some(
                json!({"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": scheme, "split": false}),
            );
            file.decoder = Some(spm_decoder(prefix_space));
        }
        Class::Gemma => {
            file.model.unk_token = Some(unk_token.unwrap_or("None").to_string());
            file.normalizer = Some(json!({"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"}));
            file.pre_tokenizer = Some(
                json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false}),
            );
            file.decoder = Some(spm_decoder(false));
        }
        Class::Qwen2 | Class::Qwen35 => {
            let pattern = if class == Class::Qwen2 { QWEN2_PATTERN } else { QWEN35_PATTERN };
            file.normalizer = Some(json!({"type": "NFC"}));
            file.pre_tokenizer = Some(json!({"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
                byte_level(prefix_space, false)]}));
        }
        Class::Gpt2 | Class::Roberta => file.pre_tokenizer = Some(byte_level(prefix_space, true)),
        Class::GptNeox => {
            file.normalizer = Some(json!({"type": "NFC"}));
            file.pre_tokenizer = Some(byte_level(prefix_space, true));
        }
        Class::Cohere => {
            file.normalizer = Some(json!({"type": "NFC"}));
            file.pre_tokenizer = Some(json!({"type": "Sequence", "pretokenizers": [
                {"type": "Digits", "individual_digits": true}, byte_level(prefix_space, true)]}));
        }
        Class::Bert => rebuild_bert(file, config, unk_token),
        Class::XlmRoberta => rebuild_xlm_roberta(file, config, charsmap),
    }
}

fn rebuild_bert(file: &mut TokenizerFile, config: &Value, unk_token: Option<&str>) {
    file.model.unk_token = Some(unk_token.unwrap_or("[UNK]").to_string());
    file.model.continuing_subword_prefix = Some("##".to_string());
    file.model.max_input_chars_per_word = Some(100);
    file.normalizer = Some(json!({
        "type": "BertNormalizer",
        "clean_text": true,
        "handle_chinese_chars": flag(config, "tokenize_chinese_chars", true),
        "strip_accents": config.get("strip_accents").and_then(Value::as_bool),
        "lowercase": flag(config, "do_lower_case", true)}));
    file.pre_tokenizer = Some(json!({"type": "BertPreTokenizer"}));
    file.decoder = Some(json!({"type": "WordPiece", "prefix": "##", "cleanup": true}));
}

fn rebuild_xlm_roberta(file: &mut TokenizerFile, config: &Value, charsmap: Option<Value>) {
    let scheme = if flag(config, "add_prefix_space", true) { "always" } else { "never" };
    let metaspace =
        json!({"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": scheme, "split": true});
    file.model.unk_id = Some(3);
    file.normalizer = charsmap.map(|map| json!({"type": "Precompiled", "precompiled_charsmap": map}));
    file.pre_tokenizer =
        Some(json!({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace.clone()]}));
    file.decoder = Some(metaspace);
}

fn find_charsmap(normalizer: Option<&Value>) -> Option<Value> {
    let normalizer = normalizer?;
    let steps = match normalizer.get("normalizers") {
        Some(Value::Array(steps)) => steps.as_slice(),
        _ => std::slice::from_ref(normalizer),
    };
    let found = steps.iter().find(|step| step.get("type") == Some(&json!("Precompiled")));
    found.and_then(|step| step.get("precompiled_charsmap")).cloned()
}

/// The post-processor a class sets itself; `special` gives text and id of a named token.
pub fn post_processor(
    class: Class,
    config: &Value,
    special: impl Fn(&str) -> Option<(String, u32)>,
) -> Option<Option<Value>> {
    let or = |name: &str, text: &str, id| special(name).unwrap_or((text.to_string(), id));
    match class {
        Class::Bert => Some(Some(template(&[or("cls_token", "[CLS]", 2)], &[or("sep_token", "[SEP]", 3)], 1))),
        Class::XlmRoberta => Some(Some(template(&[or("bos_token", "<s>", 0)], &[or("eos_token", "</s>", 2)], 2))),
        Class::Roberta => Some(Some(json!({
            "type": "RobertaProcessing",
            "sep": or("sep_token", "</s>", 2),
            "cls": or("cls_token", "<s>", 0),
            "trim_offsets": flag(config, "trim_offsets", true),
            "add_prefix_space": flag(config, "add_prefix_space", false)}))),
        Class::GptNeox => Some(None),
        _ => None,
    }
}

fn template(before: &[(String, u32)], after: &[(String, u32)], pair_separators: usize) -> Value {
    let piece = |(text, _): &(String, u32), kind: u32| json!({"SpecialToken": {"id": text, "type_id": kind}});
    let sequence = |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
    let mut single: Vec<Value> = before.iter().map(|token| piece(token, 0)).collect();
    single.push(sequence("A", 0));
    single.extend(after.iter().map(|token| piece(token, 0)));
    let mut pair = single.clone();
    for _ in 1..pair_separators {
        pair.extend(after.iter().map(|token| piece(token, 0)));
    }
    let kind = if pair_separators > 1 { 0 } else { 1 };
    pair.push(sequence("B", kind));
    pair.extend(after.iter().map(|token| piece(token, kind)));
    let tokens = before.iter().chain(after);
    let specials: serde_json::Map<String, Value> = tokens
        .map(|(text, id)| (text.clone(), json!({"id": text, "ids": [id], "tokens": [text]})))
        .collect();
    json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": specials})
}
