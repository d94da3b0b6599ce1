//! `tokenizer.json` read in one pass, without a JSON tree of its vocabulary.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokenizers::models::bpe::BPE;
use tokenizers::models::unigram::Unigram;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::{AddedToken, ModelWrapper};

use crate::failure::{corrupt, Result};

pub type Map<K, V> = ahash::AHashMap<K, V>;

#[derive(Deserialize)]
pub struct TokenizerFile {
    pub version: Option<String>,
    #[serde(default)]
    pub added_tokens: Vec<FileToken>,
    pub normalizer: Option<Value>,
    pub pre_tokenizer: Option<Value>,
    pub post_processor: Option<Value>,
    pub decoder: Option<Value>,
    pub model: ModelFile,
}

/// One entry of `added_tokens` or of tokenizer_config's `added_tokens_decoder`.
#[derive(Clone, Deserialize)]
pub struct FileToken {
    #[serde(default)]
    pub id: u32,
    pub content: String,
    #[serde(default)]
    pub single_word: bool,
    #[serde(default)]
    pub lstrip: bool,
    #[serde(default)]
    pub rstrip: bool,
    pub normalized: Option<bool>,
    #[serde(default)]
    pub special: bool,
}

impl FileToken {
    pub fn to_added_token(&self) -> AddedToken {
        AddedToken::from(self.content.clone(), self.special)
            .single_word(self.single_word)
            .lstrip(self.lstrip)
            .rstrip(self.rstrip)
            .normalized(self.normalized.unwrap_or(!self.special))
    }
}

/// All four model types in one shape; which fields count is decided by `kind`.
#[derive(Deserialize)]
pub struct ModelFile {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub vocab: Option<Vocab>,
    pub merges: Option<Vec<Merge>>,
    pub dropout: Option<f32>,
    pub unk_token: Option<String>,
    pub unk_id: Option<usize>,
    pub continuing_subword_prefix: Option<String>,
    pub end_of_word_suffix: Option<String>,
    pub max_input_chars_per_word: Option<usize>,
    pub fuse_unk: Option<bool>,
    pub byte_fallback: Option<bool>,
    pub ignore_merges: Option<bool>,
}

pub enum Vocab {
    Ids(Map<String, u32>),
    Scores(Vec<(String, f64)>),
}

struct VocabVisitor;

impl<'de> Visitor<'de> for VocabVisitor {
    type Value = Vocab;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map of tokens to ids or a list of [token, score]")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> std::result::Result<Vocab, A::Error> {
        let mut ids = Map::with_capacity(1 << 12);
        while let Some((token, id)) = map.next_entry::<String, u32>()? {
            ids.insert(token, id);
        }
        Ok(Vocab::Ids(ids))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Vocab, A::Error> {
        let mut scores = Vec::new();
        while let Some(entry) = seq.next_element::<(String, f64)>()? {
            scores.push(entry);
        }
        Ok(Vocab::Scores(scores))
    }
}

impl<'de> Deserialize<'de> for Vocab {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vocab, D::Error> {
        deserializer.deserialize_any(VocabVisitor)
    }
}

/// A merge, written as `"a b"` or as `["a", "b"]`. A `#version` line of the old form is `None`.
pub struct Merge(Option<(String, String)>);

struct MergeVisitor;

impl<'de> Visitor<'de> for MergeVisitor {
    type Value = Merge;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("\"a b\" or [\"a\", \"b\"]")
    }

    fn visit_str<E: de::Error>(self, line: &str) -> std::result::Result<Merge, E> {
        if line.starts_with("#version") {
            return Ok(Merge(None));
        }
        match line.split_once(' ') {
            Some((a, b)) if !b.contains(' ') => Ok(Merge(Some((a.to_string(), b.to_string())))),
            _ => Err(E::custom("a merge needs exactly two parts")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Merge, A::Error> {
        let a: String = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
        let b: String = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
        match seq.next_element::<String>()? {
            None => Ok(Merge(Some((a, b)))),
            Some(_) => Err(de::Error::invalid_length(3, &self)),
        }
    }
}

impl<'de> Deserialize<'de> for Merge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Merge, D::Error> {
        deserializer.deserialize_any(MergeVisitor)
    }
}

impl ModelFile {
    /// The type, guessed from the fields for files older than the `type` key.
    pub fn kind(&self) -> &str {
        match (&self.kind, &self.merges, &self.vocab) {
            (Some(kind), _, _) => kind,
            (None, Some(_), _) => "BPE",
            (None, None, Some(Vocab::Scores(_))) => "Unigram",
            _ if self.max_input_chars_per_word.is_some() => "WordPiece",
            _ => "WordLevel",
        }
    }

    /// One past the highest id. Ids far beyond the number of tokens are refused: no file needs them.
    pub fn id_limit(&self) -> Result<u32> {
        match &self.vocab {
            Some(Vocab::Ids(ids)) => {
                let top = ids.values().copied().max().unwrap_or(0);
                if top > 0x00ff_ffff {
                    return Err(corrupt(format!("model.vocab: id {top} is out of range")));
                }
                Ok(if ids.is_empty() { 0 } else { top + 1 })
            }
            Some(Vocab::Scores(scores)) => Ok(scores.len() as u32),
            None => Err(corrupt("model.vocab: missing")),
        }
    }

    fn take_ids(&mut self) -> Result<Map<String, u32>> {
        match self.vocab.take() {
            Some(Vocab::Ids(ids)) => Ok(ids),
            _ => Err(corrupt("model.vocab: expected a map of tokens to ids")),
        }
    }

    pub fn build(mut self) -> Result<ModelWrapper> {
        match self.kind() {
            "BPE" => self.build_bpe(),
            "WordPiece" => {
                let unk = self.unk_token.clone().ok_or_else(|| corrupt("model.unk_token: missing"))?;
                let prefix = self.continuing_subword_prefix.clone();
                let prefix = prefix.ok_or_else(|| corrupt("model.continuing_subword_prefix: missing"))?;
                let builder = WordPiece::builder()
                    .vocab(self.take_ids()?)
                    .unk_token(unk)
                    .continuing_subword_prefix(prefix)
                    .max_input_chars_per_word(self.max_input_chars_per_word.unwrap_or(100).min(10_000));
                Ok(builder.build().map_err(corrupt)?.into())
            }
            "WordLevel" => {
                let unk = self.unk_token.clone().ok_or_else(|| corrupt("model.unk_token: missing"))?;
                let vocab = self.take_ids()?;
                Ok(WordLevel::builder().vocab(vocab).unk_token(unk).build().map_err(corrupt)?.into())
            }
            "Unigram" => match self.vocab.take() {
                Some(Vocab::Scores(scores)) => {
                    check_scores(&scores)?;
                    let model = Unigram::from(scores, self.unk_id, self.byte_fallback.unwrap_or(false));
                    Ok(model.map_err(|e| corrupt(format!("model.vocab: {e}")))?.into())
                }
                _ => Err(corrupt("model.vocab: expected a list of [token, score]")),
            },
            other => Err(corrupt(format!("model.type: '{other}' is not known"))),
        }
    }

    fn build_bpe(mut self) -> Result<ModelWrapper> {
        let vocab = self.take_ids()?;
        let merges = self.merges.take().ok_or_else(|| corrupt("model.merges: missing"))?;
        let merges: Vec<_> = merges.into_iter().filter_map(|merge| merge.0).collect();
        if let Some(prefix) = self.continuing_subword_prefix.as_deref().filter(|p| !p.is_empty()) {
            if merges.iter().any(|(_, b)| !b.starts_with(prefix)) {
                return Err(corrupt("model.merges: a second part lacks the continuing_subword_prefix"));
            }
        }
        let mut builder = BPE::builder()
            .vocab_and_merges(vocab, merges)
            .fuse_unk(self.fuse_unk.unwrap_or(false))
            .byte_fallback(self.byte_fallback.unwrap_or(false))
            .ignore_merges(self.ignore_merges.unwrap_or(false));
        if let Some(dropout) = self.dropout {
            builder = builder.dropout(dropout);
        }
        if let Some(token) = self.unk_token {
            builder = builder.unk_token(token);
        }
        if let Some(prefix) = self.continuing_subword_prefix {
            builder = builder.continuing_subword_prefix(prefix);
        }
        if let Some(suffix) = self.end_of_word_suffix {
            builder = builder.end_of_word_suffix(suffix);
        }
        Ok(builder.build().map_err(|e| corrupt(format!("model.merges: {e}")))?.into())
    }
}

/// An empty piece would make the search for the best path stand still.
fn check_scores(scores: &[(String, f64)]) -> Result<()> {
    match scores.iter().find(|(piece, score)| piece.is_empty() || !score.is_finite()) {
        Some((piece, _)) => Err(corrupt(format!("model.vocab: bad piece {piece:?}"))),
        None => Ok(()),
    }
}
