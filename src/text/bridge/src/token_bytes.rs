//! The bytes each token adds to the text, as the decoder of the tokenizer joins them: what a grammar is matched with.

use std::collections::HashSet;

use serde_json::Value;
use tokenizers::{Decoder, DecoderWrapper};

use crate::failure::{corrupt, unsupported, Result};
use crate::stream::{append_bytes, byte_value, flatten};
use crate::tokenizer::Tokenizer;

/// First byte of a token that is no text; no UTF-8 has it.
const MARKER: u8 = 0xff;
/// Longer tokens (runs of blanks, mostly) are never allowed: the trie of llguidance holds up to 1024 bytes.
const MAX_TOKEN_BYTES: usize = 512;

pub struct TokenBytes {
    /// By id; empty for a hole in the vocabulary.
    pub words: Vec<Vec<u8>>,
    /// The decoder drops a blank in front of the whole text.
    pub strips_start: bool,
}

enum Step {
    EachToken(DecoderWrapper),
    /// Asked for a token that is not the first one.
    FirstApart(DecoderWrapper),
    ByteFallback,
    ByteLevel,
}

struct Steps {
    list: Vec<Step>,
    strips_start: bool,
}

fn refuse(kind: &str) -> crate::failure::Failure {
    unsupported(format!("a grammar cannot be used with this tokenizer: its decoder ({kind}) gives tokens no fixed text"))
}

fn steps_of(decoder: &Value) -> Result<Steps> {
    let mut parts = Vec::new();
    flatten(decoder, &mut parts);
    let mut steps = Steps { list: Vec::new(), strips_start: false };
    let mut fused = false;
    for part in parts {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or("none");
        let wrapper = || serde_json::from_value::<DecoderWrapper>(part.clone()).map_err(corrupt);
        match kind {
            "Fuse" => fused = true,
            "Strip" if fused && part.get("stop").and_then(Value::as_u64) == Some(0) => steps.strips_start = true,
            _ if fused => return Err(refuse(kind)),
            "Replace" | "Strip" => steps.list.push(Step::EachToken(wrapper()?)),
            "Metaspace" => {
                steps.strips_start = true;
                steps.list.push(Step::FirstApart(wrapper()?));
            }
            "ByteFallback" => steps.list.push(Step::ByteFallback),
            "ByteLevel" => {
                steps.list.push(Step::ByteLevel);
                fused = true;
            }
            _ => return Err(refuse(kind)),
        }
    }
    Ok(steps)
}

fn bytes_of(token: String, steps: &[Step]) -> Result<Vec<u8>> {
    let mut text = token;
    for step in steps {
        match step {
            Step::EachToken(decoder) => text = decoder.decode_chain(vec![text]).map_err(corrupt)?.concat(),
            Step::FirstApart(decoder) => {
                let pieces = decoder.decode_chain(vec![String::new(), text]).map_err(corrupt)?;
                text = pieces.into_iter().next_back().unwrap_or_default();
            }
            Step::ByteFallback => {
                if let Some(byte) = byte_value(&text) {
                    return Ok(vec![byte]);
                }
            }
            Step::ByteLevel => {
                let mut bytes = Vec::new();
                append_bytes(&text, &mut bytes);
                return Ok(bytes);
            }
        }
    }
    Ok(text.into_bytes())
}

impl TokenBytes {
    /// `ends` are tokens that end an answer: no text, whatever the file says of them.
    pub fn new(tokenizer: &Tokenizer, ends: &[u32]) -> Result<TokenBytes> {
        if tokenizer.cleans_spaces {
            return Err(refuse("clean_up_tokenization_spaces"));
        }
        let steps = steps_of(&tokenizer.decoder)?;
        let special: HashSet<u32> = tokenizer.special_ids().chain(ends.iter().copied()).collect();
        let mut words = Vec::with_capacity(tokenizer.id_limit() as usize);
        for id in 0..tokenizer.id_limit() {
            let word = match tokenizer.decoder_input(id) {
                None => Vec::new(),
                Some(token) if special.contains(&id) => [&[MARKER], token.as_bytes()].concat(),
                Some(token) => {
                    let bytes = bytes_of(token, &steps.list)?;
                    if bytes.first() == Some(&MARKER) { Vec::new() } else { bytes }
                }
            };
            words.push(if word.len() > MAX_TOKEN_BYTES { Vec::new() } else { word });
        }
        Ok(TokenBytes { words, strips_start: steps.strips_start })
    }
}
