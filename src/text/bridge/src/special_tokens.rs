//! The special and added tokens of a model folder, merged from its files in transformers' order.

use serde_json::{Map as JsonMap, Value};

use crate::failure::{corrupt, Result};
use crate::model_file::FileToken;

pub const NAMED: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// The small JSON files beside `tokenizer.json`; absent ones are `Null`.
pub struct SideFiles {
    pub tokenizer_config: Value,
    pub special_tokens_map: Value,
    pub added_tokens: Value,
}

#[derive(Clone)]
pub enum Token {
    Text(String),
    Full(FileToken),
}

impl Token {
    pub fn text(&self) -> &str {
        match self {
            Token::Text(text) => text,
            Token::Full(token) => &token.content,
        }
    }

    /// The token as a special one; a plain string is matched before normalization.
    pub fn as_special(&self) -> FileToken {
        match self {
            Token::Text(text) => plain(text, true),
            Token::Full(token) => FileToken {
                normalized: Some(token.normalized.unwrap_or(!token.special)),
                special: true,
                ..token.clone()
            },
        }
    }
}

pub fn plain(text: &str, special: bool) -> FileToken {
    FileToken {
        id: 0,
        content: text.to_string(),
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: None,
        special,
    }
}

/// What tokenizer_config.json and its older companions say about tokens.
#[derive(Default)]
pub struct SpecialTokens {
    /// bos_token .. mask_token in their fixed order, then the model's own names.
    pub named: Vec<(String, Token)>,
    pub extra: Vec<Token>,
    /// To be added to the tokenizer, by id.
    pub added: Vec<FileToken>,
}

impl SpecialTokens {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.named.iter().find(|(key, _)| key == name).map(|(_, token)| token.text())
    }

    /// Reads the files; `defaults` are the class's tokens for names the files do not mention.
    pub fn read(files: &SideFiles, file_tokens: &[FileToken], defaults: &[(&str, &str)]) -> Result<SpecialTokens> {
        let mut config = match &files.tokenizer_config {
            Value::Object(object) => object.clone(),
            _ => JsonMap::new(),
        };
        if !is_truthy(config.get("extra_special_tokens")) {
            if let Some(list) = config.remove("additional_special_tokens") {
                config.insert("extra_special_tokens".into(), list);
            }
        }
        let mut tokens = SpecialTokens::default();
        if let Some(Value::Object(decoder)) = config.get("added_tokens_decoder") {
            tokens.added = read_decoder(decoder)?;
        } else {
            merge_special_tokens_map(&mut config, &files.special_tokens_map);
            tokens.added = read_added_tokens(&files.added_tokens, &config);
            for token in file_tokens {
                tokens.added.retain(|known| known.id != token.id);
                tokens.added.push(token.clone());
            }
        }
        tokens.added.sort_by_key(|token| token.id);
        tokens.read_named(&config, defaults)?;
        tokens.read_extra(&config)?;
        Ok(tokens)
    }

    fn read_named(&mut self, config: &JsonMap<String, Value>, defaults: &[(&str, &str)]) -> Result<()> {
        for name in NAMED {
            let token = match config.get(name) {
                Some(value) => read_token(name, value)?,
                None => defaults.iter().find(|(key, _)| *key == name).map(|(_, text)| Token::Text(text.to_string())),
            };
            if let Some(token) = token {
                let full = self.added.iter().find(|known| known.content == token.text());
                let token = full.map_or(token, |known| Token::Full(known.clone()));
                self.named.push((name.to_string(), token));
            }
        }
        let own = config.iter().filter(|(key, _)| key.ends_with("_token") && !NAMED.contains(&key.as_str()));
        let extra = config.get("extra_special_tokens").and_then(Value::as_object);
        for (key, value) in own.chain(extra.into_iter().flatten()) {
            if matches!(value, Value::String(_) | Value::Object(_)) {
                if let Some(token) = read_token(key, value)? {
                    self.named.push((key.clone(), token));
                }
            }
        }
        Ok(())
    }

    fn read_extra(&mut self, config: &JsonMap<String, Value>) -> Result<()> {
        if let Some(Value::Array(list)) = config.get("extra_special_tokens") {
            for value in list {
                self.extra.extend(read_token("extra_special_tokens", value)?);
            }
        }
        Ok(())
    }

    /// Every token that has to be in the tokenizer, given those that are in it already.
    pub fn missing(&self, known: impl Fn(&str) -> bool) -> Vec<FileToken> {
        let mut missing = self.added.clone();
        for token in &mut missing {
            if !token.special && self.named.iter().any(|(_, named)| named.text() == token.content) {
                token.normalized = Some(token.normalized.unwrap_or(true));
                token.special = true;
            }
        }
        for (token, is_named) in self.named.iter().map(|(_, t)| (t, true)).chain(self.extra.iter().map(|t| (t, false))) {
            if known(token.text()) || missing.iter().any(|other| other.content == token.text()) {
                continue;
            }
            missing.push(match token {
                Token::Full(full) if !is_named => full.clone(),
                _ => token.as_special(),
            });
        }
        missing
    }

    pub fn all(&self) -> impl Iterator<Item = &Token> {
        self.named.iter().map(|(_, token)| token).chain(self.extra.iter())
    }
}

fn is_truthy(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(object)) => !object.is_empty(),
        Some(Value::Bool(flag)) => *flag,
        Some(_) => true,
    }
}

fn read_token(key: &str, value: &Value) -> Result<Option<Token>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(Token::Text(text.clone()))),
        Value::Object(_) => {
            let token = FileToken::deserialize_value(value);
            Ok(Some(Token::Full(token.map_err(|e| corrupt(format!("{key}: {e}")))?)))
        }
        _ => Err(corrupt(format!("{key}: expected a string or a token"))),
    }
}

impl FileToken {
    fn deserialize_value(value: &Value) -> serde_json::Result<FileToken> {
        serde_json::from_value(value.clone())
    }
}

fn read_decoder(decoder: &JsonMap<String, Value>) -> Result<Vec<FileToken>> {
    let mut tokens = Vec::with_capacity(decoder.len());
    for (id, value) in decoder {
        let fail = |what: String| corrupt(format!("added_tokens_decoder[{id:?}]: {what}"));
        let mut token = FileToken::deserialize_value(value).map_err(|e| fail(e.to_string()))?;
        token.id = id.parse().map_err(|_| fail("the key is no id".to_string()))?;
        tokens.push(token);
    }
    Ok(tokens)
}

fn merge_special_tokens_map(config: &mut JsonMap<String, Value>, map: &Value) {
    let Value::Object(map) = map else { return };
    for (key, value) in map {
        let mut value = value.clone();
        if key == "extra_special_tokens" || key == "additional_special_tokens" {
            continue;
        }
        if let Value::Object(token) = &mut value {
            token.insert("special".into(), Value::Bool(true));
        }
        config.insert(key.clone(), value);
    }
}

fn read_added_tokens(added: &Value, config: &JsonMap<String, Value>) -> Vec<FileToken> {
    let Value::Object(added) = added else { return Vec::new() };
    let is_special = |text: &str| {
        NAMED.iter().any(|name| match config.get(*name) {
            Some(Value::String(value)) => value == text,
            Some(Value::Object(token)) => token.get("content").and_then(Value::as_str) == Some(text),
            _ => false,
        })
    };
    let read = |(text, id): (&String, &Value)| {
        let id = u32::try_from(id.as_u64()?).ok()?;
        Some(FileToken { id, ..plain(text, is_special(text)) })
    };
    added.iter().filter_map(read).collect()
}
