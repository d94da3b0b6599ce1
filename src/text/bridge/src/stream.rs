//! Decoding one token at a time, such that the pieces joined equal decoding all tokens at once.
//! Each step of the decoder is a stage; a decoder that needs the end of the text holds everything back.

use serde_json::Value;
use tokenizers::{Decoder, DecoderWrapper};

use crate::failure::{corrupt, Result};
use crate::tokenizer::Tokenizer;

enum Stage {
    /// Works on each token alone.
    EachToken(DecoderWrapper),
    /// Treats the first token apart.
    FirstApart { decoder: DecoderWrapper, seen_first: bool },
    /// Without a decoder tokens are joined by spaces.
    Spaces { seen_first: bool },
    /// Runs of `<0xNN>` become text at their end: one bad byte spoils the whole run.
    ByteRuns { decoder: DecoderWrapper, run: Vec<String> },
    Bytes { pending: Vec<u8> },
    StripStart { content: char, left: usize },
}

pub struct Stream {
    stages: Vec<Stage>,
    held: Option<Vec<i32>>,
}

impl Stream {
    pub fn new(tokenizer: &Tokenizer) -> Result<Stream> {
        let stages = if tokenizer.cleans_spaces { None } else { stages_of(&tokenizer.decoder)? };
        Ok(match stages {
            Some(stages) => Stream { stages, held: None },
            None => Stream { stages: Vec::new(), held: Some(Vec::new()) },
        })
    }

    pub fn add(&mut self, tokenizer: &Tokenizer, id: i32) -> Result<String> {
        let checked = tokenizer.check_id(id)?;
        if let Some(held) = &mut self.held {
            held.push(id);
            return Ok(String::new());
        }
        match tokenizer.decoder_input(checked) {
            Some(token) => self.run(0, vec![token]),
            None => Ok(String::new()),
        }
    }

    pub fn finish(&mut self, tokenizer: &Tokenizer) -> Result<String> {
        if let Some(held) = &mut self.held {
            return tokenizer.decode(&std::mem::take(held), false);
        }
        let mut text = String::new();
        for index in 0..self.stages.len() {
            let rest = self.stages[index].finish()?;
            text.push_str(&self.run(index + 1, rest)?);
        }
        Ok(text)
    }

    fn run(&mut self, from: usize, tokens: Vec<String>) -> Result<String> {
        let mut tokens = tokens;
        for stage in &mut self.stages[from..] {
            let mut next = Vec::with_capacity(tokens.len());
            for token in tokens {
                stage.add(token, &mut next)?;
            }
            tokens = next;
        }
        Ok(tokens.concat())
    }
}

impl Stage {
    fn add(&mut self, token: String, out: &mut Vec<String>) -> Result<()> {
        match self {
            Stage::EachToken(decoder) => out.extend(decoder.decode_chain(vec![token]).map_err(corrupt)?),
            Stage::FirstApart { decoder, seen_first } => {
                let tokens = if *seen_first { vec![String::new(), token] } else { vec![token] };
                *seen_first = true;
                out.extend(decoder.decode_chain(tokens).map_err(corrupt)?.pop());
            }
            Stage::Spaces { seen_first } => {
                out.push(if *seen_first { format!(" {token}") } else { token });
                *seen_first = true;
            }
            Stage::ByteRuns { run, .. } if byte_value(&token).is_some() => run.push(token),
            Stage::ByteRuns { .. } => {
                out.extend(self.finish()?);
                out.push(token);
            }
            Stage::Bytes { pending } => {
                append_bytes(&token, pending);
                out.push(take_text(pending));
            }
            Stage::StripStart { content, left } => {
                let mut text = token.as_str();
                while *left > 0 && !text.is_empty() {
                    match text.strip_prefix(*content) {
                        Some(rest) => {
                            text = rest;
                            *left -= 1;
                        }
                        None => *left = 0,
                    }
                }
                out.push(text.to_string());
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<String>> {
        match self {
            Stage::ByteRuns { decoder, run } if !run.is_empty() => {
                decoder.decode_chain(std::mem::take(run)).map_err(corrupt)
            }
            Stage::Bytes { pending } if !pending.is_empty() => {
                Ok(vec![String::from_utf8_lossy(&std::mem::take(pending)).into_owned()])
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// The byte that a token of the form `<0xNN>` stands for.
pub fn byte_value(token: &str) -> Option<u8> {
    let hex = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if hex.len() == 2 { u8::from_str_radix(hex, 16).ok() } else { None }
}

/// The byte a character of the byte-level alphabet stands for: printable bytes stand for themselves, the
/// others follow from U+0100 on, in their order.
fn byte_of(c: char) -> Option<u8> {
    let printable = |b: u32| matches!(b, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    match c as u32 {
        code if code < 0x100 => printable(code).then_some(code as u8),
        code @ 0x100..=0x143 => (0..0x100).filter(|b| !printable(*b)).nth((code - 0x100) as usize).map(|b| b as u8),
        _ => None,
    }
}

pub fn append_bytes(token: &str, pending: &mut Vec<u8>) {
    match token.chars().map(byte_of).collect::<Option<Vec<u8>>>() {
        Some(bytes) => pending.extend(bytes),
        None => pending.extend_from_slice(token.as_bytes()),
    }
}

/// Takes all text that later bytes cannot change; a started character stays behind.
fn take_text(pending: &mut Vec<u8>) -> String {
    let mut text = String::new();
    let mut start = 0;
    while start < pending.len() {
        match std::str::from_utf8(&pending[start..]) {
            Ok(valid) => {
                text.push_str(valid);
                start = pending.len();
            }
            Err(error) => {
                let end = start + error.valid_up_to();
                text.push_str(&String::from_utf8_lossy(&pending[start..end]));
                start = end;
                match error.error_len() {
                    Some(length) => {
                        text.push(char::REPLACEMENT_CHARACTER);
                        start += length;
                    }
                    None => break,
                }
            }
        }
    }
    pending.drain(..start);
    text
}

pub fn flatten<'a>(decoder: &'a Value, steps: &mut Vec<&'a Value>) {
    match decoder.get("decoders").and_then(Value::as_array) {
        Some(decoders) => decoders.iter().for_each(|step| flatten(step, steps)),
        None => steps.push(decoder),
    }
}

/// The stages of `decoder`, or none where text is only known at the end.
fn stages_of(decoder: &Value) -> Result<Option<Vec<Stage>>> {
    if decoder.is_null() {
        return Ok(Some(vec![Stage::Spaces { seen_first: false }]));
    }
    let mut steps = Vec::new();
    flatten(decoder, &mut steps);
    let mut stages = Vec::new();
    let mut fused = false;
    for step in steps {
        let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
        let wrapper = || serde_json::from_value::<DecoderWrapper>(step.clone()).map_err(corrupt);
        match kind {
            "Fuse" => fused = true,
            "Strip" if fused => match strip_start(step) {
                Some(stage) => stages.push(stage),
                None => return Ok(None),
            },
            _ if fused => return Ok(None),
            "Replace" | "Strip" => stages.push(Stage::EachToken(wrapper()?)),
            "Metaspace" | "WordPiece" => {
                stages.push(Stage::FirstApart { decoder: wrapper()?, seen_first: false });
            }
            "ByteFallback" => stages.push(Stage::ByteRuns { decoder: wrapper()?, run: Vec::new() }),
            "ByteLevel" => {
                stages.push(Stage::Bytes { pending: Vec::new() });
                fused = true;
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(stages))
}

fn strip_start(step: &Value) -> Option<Stage> {
    let content = step.get("content")?.as_str()?.chars().next()?;
    let left = step.get("start")?.as_u64()? as usize;
    (step.get("stop")?.as_u64()? == 0).then_some(Stage::StripStart { content, left })
}
