//! A loaded tokenizer: the crate's pipeline plus what a model folder says about special tokens.

use serde::de::DeserializeOwned;
use serde_json::{json, Value};
use tokenizers::{
    DecoderWrapper, ModelWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerImpl,
};

use crate::failure::{corrupt, exhausted, invalid, Result};
use crate::model_file::{FileToken, TokenizerFile};
use crate::pipelines::{self, Class, ClassHints};
use crate::special_tokens::{SideFiles, SpecialTokens};

type Pipeline =
    TokenizerImpl<ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// Longest text one call encodes; more than any context holds.
pub const MAX_TEXT_BYTES: usize = 8 << 20;

pub struct Tokenizer {
    pipeline: Pipeline,
    special: SpecialTokens,
    /// `decoder` as JSON, from which streams are made.
    pub decoder: Value,
    id_limit: u32,
    /// Spaces before punctuation are removed from decoded text.
    pub cleans_spaces: bool,
}

fn part<T: DeserializeOwned>(name: &str, value: Option<Value>) -> Result<Option<T>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value).map(Some).map_err(|e| corrupt(format!("{name}: {e}"))),
    }
}

fn parse_file(text: &[u8]) -> Result<TokenizerFile> {
    let file: TokenizerFile = serde_json::from_slice(text).map_err(corrupt)?;
    match file.version.as_deref() {
        None | Some("1.0") => Ok(file),
        Some(version) => Err(corrupt(format!("version {version:?} is not known"))),
    }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

impl Tokenizer {
    /// tokenizer.json alone, as the PyPI package reads it, without truncation and padding.
    pub fn from_file(text: &[u8]) -> Result<Tokenizer> {
        let mut file = parse_file(text)?;
        let tokens = std::mem::take(&mut file.added_tokens);
        let mut tokenizer = Tokenizer::build(file)?;
        tokenizer.add(&tokens)?;
        Ok(tokenizer)
    }

    /// What transformers' AutoTokenizer makes of a model folder.
    pub fn from_folder(text: &[u8], side: &SideFiles, config: &Value) -> Result<Tokenizer> {
        let mut file = parse_file(text)?;
        let field = |value: &'_ Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_string);
        let model_type = field(config, "model_type").unwrap_or_default();
        let class = pipelines::choose(&ClassHints {
            model_type: &model_type,
            tokenizer_class: field(&side.tokenizer_config, "tokenizer_class").as_deref(),
            config_class: field(config, "tokenizer_class").as_deref(),
            file_has_byte_level: contains(text, b"\"ByteLevel\""),
        });
        let tokens = std::mem::take(&mut file.added_tokens);
        let special = SpecialTokens::read(side, &tokens, class.map_or(&[], pipelines::default_tokens))?;
        if let Some(class) = class {
            pipelines::rebuild(class, &mut file, &side.tokenizer_config, special.get("unk_token"));
        }
        let is_bpe = file.model.kind() == "BPE";
        let mut tokenizer = Tokenizer::build(file)?;
        if class.is_none() {
            tokenizer.add(&tokens)?;
        }
        tokenizer.add_special(&special, class)?;
        tokenizer.special = special;
        tokenizer.configure(class, &side.tokenizer_config, is_bpe)?;
        Ok(tokenizer)
    }

    fn build(file: TokenizerFile) -> Result<Tokenizer> {
        let id_limit = file.model.id_limit()?;
        let decoder = file.decoder.clone().unwrap_or(Value::Null);
        let mut pipeline = Pipeline::new(file.model.build()?);
        pipeline.with_normalizer(part::<NormalizerWrapper>("normalizer", file.normalizer)?).map_err(corrupt)?;
        pipeline.with_pre_tokenizer(part::<PreTokenizerWrapper>("pre_tokenizer", file.pre_tokenizer)?);
        pipeline.with_post_processor(part::<PostProcessorWrapper>("post_processor", file.post_processor)?);
        pipeline.with_decoder(part::<DecoderWrapper>("decoder", file.decoder)?);
        Ok(Tokenizer { pipeline, special: SpecialTokens::default(), decoder, id_limit, cleans_spaces: false })
    }

    fn add(&mut self, tokens: &[FileToken]) -> Result<()> {
        if tokens.is_empty() {
            return Ok(());
        }
        self.pipeline.add_tokens(tokens.iter().map(FileToken::to_added_token)).map_err(corrupt)?;
        let added = self.pipeline.get_added_tokens_decoder();
        let top = added.keys().copied().max().unwrap_or(0);
        self.id_limit = self.id_limit.max(top + 1);
        Ok(())
    }

    fn add_special(&mut self, special: &SpecialTokens, class: Option<Class>) -> Result<()> {
        let known = self.pipeline.get_added_vocabulary().get_vocab();
        let missing = special.missing(|text| known.contains_key(text));
        self.add(&missing)?;
        let again: Vec<FileToken> = match class {
            Some(Class::Qwen2) => {
                special.all().map(|token| crate::special_tokens::plain(token.text(), true)).collect()
            }
            Some(Class::Cohere) => special.all().map(|token| token.as_special()).collect(),
            _ => Vec::new(),
        };
        self.add(&again)
    }

    fn configure(&mut self, class: Option<Class>, config: &Value, is_bpe: bool) -> Result<()> {
        let named = |name: &str| {
            let text = self.special.get(name)?.to_string();
            self.pipeline.token_to_id(&text).map(|id| (text, id))
        };
        if let Some(processor) = class.and_then(|class| pipelines::post_processor(class, config, named)) {
            self.pipeline.with_post_processor(part::<PostProcessorWrapper>("post_processor", processor)?);
        }
        let flag = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(false);
        self.pipeline.set_encode_special_tokens(flag("split_special_tokens"));
        let forced = flag("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output");
        self.cleans_spaces = flag("clean_up_tokenization_spaces") && (!is_bpe || forced);
        Ok(())
    }

    pub fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(exhausted(format!("the text has {} bytes, more than {MAX_TEXT_BYTES}", text.len())));
        }
        let encoding = self.pipeline.encode_fast(text, add_special_tokens).map_err(invalid)?;
        Ok(encoding.get_ids().to_vec())
    }

    pub fn check_id(&self, id: i32) -> Result<u32> {
        match u32::try_from(id) {
            Ok(id) if id < self.id_limit => Ok(id),
            _ => Err(invalid(format!("token id {id} is out of range (0 to {})", self.id_limit.max(1) - 1))),
        }
    }

    pub fn decode(&self, ids: &[i32], skip_special_tokens: bool) -> Result<String> {
        let ids = ids.iter().map(|id| self.check_id(*id)).collect::<Result<Vec<u32>>>()?;
        let text = self.pipeline.decode(&ids, skip_special_tokens).map_err(invalid)?;
        Ok(if self.cleans_spaces { clean_spaces(&text) } else { text })
    }

    /// The string the decoder gets for `id`; none for a hole in the vocabulary.
    pub fn decoder_input(&self, id: u32) -> Option<String> {
        let added = self.pipeline.get_added_vocabulary().simple_id_to_token(id);
        added.or_else(|| self.pipeline.id_to_token(id))
    }

    /// One more than the highest id.
    pub fn id_limit(&self) -> u32 {
        self.id_limit
    }

    /// Added tokens that are marked as special: no part of a text.
    pub fn special_ids(&self) -> impl Iterator<Item = u32> + '_ {
        let added = self.pipeline.get_added_tokens_decoder().into_iter();
        added.filter(|(_, token)| token.special).map(|(id, _)| id)
    }

    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.pipeline.token_to_id(token)
    }

    pub fn id_to_token(&self, id: i32) -> Option<String> {
        self.pipeline.id_to_token(u32::try_from(id).ok()?)
    }

    fn has_thinking(&self) -> bool {
        let has = |token: &str| self.token_to_id(token).is_some();
        const PAIRS: [(&str, &str); 4] = [
            ("<think>", "</think>"),
            ("<longcat_think>", "</longcat_think>"),
            ("<|think:start|>", "<|think:end|>"),
            ("<|channel>", "<channel|>"),
        ];
        PAIRS.iter().any(|(start, end)| has(start) && has(end))
            || ["<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"].iter().all(|token| has(token))
    }

    /// Facts for the C++ side: sizes, named tokens and their ids, as JSON.
    pub fn describe(&self) -> Value {
        let id = |name: &str| self.special.get(name).and_then(|text| self.token_to_id(text));
        let named: serde_json::Map<String, Value> =
            self.special.named.iter().map(|(name, token)| (name.clone(), json!(token.text()))).collect();
        json!({
            "vocab_size": self.pipeline.get_vocab_size(true),
            "id_limit": self.id_limit,
            "bos_token_id": id("bos_token"),
            "eos_token_id": id("eos_token"),
            "has_thinking": self.has_thinking(),
            "special_tokens": named,
        })
    }
}

/// Source: transformers 5.23, `clean_up_tokenization`.
pub fn clean_spaces(text: &str) -> String {
    const PAIRS: [(&str, &str); 10] = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    PAIRS.iter().fold(text.to_string(), |text, (from, to)| text.replace(from, to))
}
