//! The C interface of `bridge.h`: one function each, nothing but checking, calling and delivering.
#![allow(clippy::missing_safety_doc)] // bridge.h states what callers promise

mod abi;
mod budget;
mod builtins;
mod clock;
mod closing;
mod failure;
mod grammar;
mod grammar_interface;
mod guards;
mod model_file;
mod pipelines;
mod python;
mod schema;
mod schema_graph;
mod schema_multiples;
mod schema_pattern;
mod schema_values;
mod screen;
mod special_tokens;
mod stream;
mod template;
mod token_bytes;
mod tokenizer;

use std::sync::Arc;

use serde_json::Value;

use abi::{deliver, deliver_object, guarded, Buffer, Text};
use failure::{corrupt, Result, Status};
use special_tokens::SideFiles;
use stream::Stream;
use template::Template;
use tokenizer::Tokenizer;

/// Shared with the vocabularies made from it.
type Handle = Arc<Tokenizer>;

fn parse_side_file(name: &str, text: &[u8]) -> Result<Value> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(text).map_err(|e| corrupt(format!("{name}: {e}")))
}

#[no_mangle]
pub unsafe extern "C" fn burin_tokenizer_load_file(json: Text, tokenizer: *mut *mut Handle, out: *mut Buffer) -> i32 {
    let result = guarded(Status::Corrupt, || Tokenizer::from_file(json.bytes()).map(Arc::new));
    deliver_object(out, tokenizer, result)
}

#[repr(C)]
pub struct FolderFiles {
    tokenizer: Text,
    tokenizer_config: Text,
    special_tokens_map: Text,
    added_tokens: Text,
    config: Text,
}

#[no_mangle]
pub unsafe extern "C" fn burin_tokenizer_load_folder(
    files: *const FolderFiles,
    tokenizer: *mut *mut Handle,
    out: *mut Buffer,
) -> i32 {
    let result = guarded(Status::Corrupt, || {
        let files = &*files;
        let side = SideFiles {
            tokenizer_config: parse_side_file("tokenizer_config.json", files.tokenizer_config.bytes())?,
            special_tokens_map: parse_side_file("special_tokens_map.json", files.special_tokens_map.bytes())?,
            added_tokens: parse_side_file("added_tokens.json", files.added_tokens.bytes())?,
        };
        let config = parse_side_file("config.json", files.config.bytes())?;
        Tokenizer::from_folder(files.tokenizer.bytes(), &side, &config).map(Arc::new)
    });
    deliver_object(out, tokenizer, result)
}

#[no_mangle]
pub unsafe extern "C" fn burin_tokenizer_free(tokenizer: *mut Handle) {
    if !tokenizer.is_null() {
        drop(Box::from_raw(tokenizer));
    }
}

#[no_mangle]
pub unsafe extern "C" fn burin_tokenizer_describe(tokenizer: *const Handle, out: *mut Buffer) -> i32 {
    deliver(out, guarded(Status::Internal, || Ok((*tokenizer).describe().to_string().into_bytes())))
}

#[no_mangle]
pub unsafe extern "C" fn burin_tokenizer_encode(
    tokenizer: *const Handle,
    text: Text,
    add_special_tokens: bool,
    out: *mut Buffer,
) -> i32 {
    let result = guarded(Status::InvalidArgument, || {
        let ids = (*tokenizer).encode(text.str()?, add_special_tokens)?;
        Ok(ids.iter().flat_map(|id| id.to_ne_bytes()).collect())
    });
    deliver(out, result)
}

#[no_mangle]
pub unsafe extern "C" fn burin_tokenizer_decode(
    tokenizer: *const Handle,
    ids: *const i32,
    count: usize,
    skip_special_tokens: bool,
    out: *mut Buffer,
) -> i32 {
    let result = guarded(Status::InvalidArgument, || {
        let ids = if count == 0 { &[] } else { std::slice::from_raw_parts(ids, count) };
        Ok((*tokenizer).decode(ids, skip_special_tokens)?.into_bytes())
    });
    deliver(out, result)
}

/// The id, or -1.
#[no_mangle]
pub unsafe extern "C" fn burin_tokenizer_token_to_id(tokenizer: *const Handle, token: Text) -> i64 {
    let result = guarded(Status::Internal, || Ok((*tokenizer).token_to_id(token.str()?)));
    result.ok().flatten().map_or(-1, i64::from)
}

/// 1 and the token in `out`, or 0 where the id has none.
#[no_mangle]
pub unsafe extern "C" fn burin_tokenizer_id_to_token(tokenizer: *const Handle, id: i32, out: *mut Buffer) -> i32 {
    let token = guarded(Status::Internal, || Ok((*tokenizer).id_to_token(id))).ok().flatten();
    let found = i32::from(token.is_some());
    deliver(out, Ok(token.unwrap_or_default().into_bytes()));
    found
}

#[no_mangle]
pub unsafe extern "C" fn burin_stream_new(tokenizer: *const Handle, stream: *mut *mut Stream, out: *mut Buffer) -> i32 {
    deliver_object(out, stream, guarded(Status::Internal, || Stream::new(&*tokenizer)))
}

#[no_mangle]
pub unsafe extern "C" fn burin_stream_free(stream: *mut Stream) {
    if !stream.is_null() {
        drop(Box::from_raw(stream));
    }
}

#[no_mangle]
pub unsafe extern "C" fn burin_stream_add(
    stream: *mut Stream,
    tokenizer: *const Handle,
    id: i32,
    out: *mut Buffer,
) -> i32 {
    let result = guarded(Status::InvalidArgument, || (*stream).add(&*tokenizer, id));
    deliver(out, result.map(String::into_bytes))
}

#[no_mangle]
pub unsafe extern "C" fn burin_stream_finish(stream: *mut Stream, tokenizer: *const Handle, out: *mut Buffer) -> i32 {
    let result = guarded(Status::InvalidArgument, || (*stream).finish(&*tokenizer));
    deliver(out, result.map(String::into_bytes))
}

#[no_mangle]
pub unsafe extern "C" fn burin_template_new(source: Text, template: *mut *mut Template, out: *mut Buffer) -> i32 {
    deliver_object(out, template, guarded(Status::Corrupt, || Template::new(source.str()?)))
}

#[no_mangle]
pub unsafe extern "C" fn burin_template_free(template: *mut Template) {
    if !template.is_null() {
        drop(Box::from_raw(template));
    }
}

/// `context` is one JSON object; its keys are the variables of the template.
#[no_mangle]
pub unsafe extern "C" fn burin_template_render(template: *const Template, context: Text, out: *mut Buffer) -> i32 {
    let result = guarded(Status::InvalidArgument, || (*template).render(context.bytes()));
    deliver(out, result.map(String::into_bytes))
}
