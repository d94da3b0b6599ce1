//! The part of the C interface that is about grammars; as in lib.rs, nothing but checking, calling and delivering.

use std::sync::Arc;

use crate::abi::{deliver, deliver_object, guarded, Buffer, Text};
use crate::closing::Wanted;
use crate::failure::{invalid, Result, Status};
use crate::grammar::{Grammar, Kind, Matcher, Vocabulary};
use crate::tokenizer::Tokenizer;

unsafe fn slice<'a, T>(data: *const T, count: usize) -> &'a [T] {
    if count == 0 { &[] } else { std::slice::from_raw_parts(data, count) }
}

fn token_id(id: i32) -> Result<u32> {
    u32::try_from(id).map_err(|_| invalid(format!("{id} is no token id")))
}

fn bytes_of(ids: &[u32]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_ne_bytes()).collect()
}

unsafe fn release<T>(object: *mut T) {
    if !object.is_null() {
        drop(Box::from_raw(object));
    }
}

#[no_mangle]
pub unsafe extern "C" fn burin_vocabulary_new(
    tokenizer: *const Arc<Tokenizer>,
    ends: *const i32,
    count: usize,
    vocabulary: *mut *mut Arc<Vocabulary>,
    out: *mut Buffer,
) -> i32 {
    let result = guarded(Status::Unsupported, || {
        let ends = slice(ends, count).iter().map(|id| token_id(*id)).collect::<Result<Vec<u32>>>()?;
        Ok(Arc::new(Vocabulary::new(&*tokenizer, &ends)?))
    });
    deliver_object(out, vocabulary, result)
}

#[no_mangle]
pub unsafe extern "C" fn burin_vocabulary_free(vocabulary: *mut Arc<Vocabulary>) {
    release(vocabulary);
}

#[no_mangle]
pub unsafe extern "C" fn burin_grammar_new(
    vocabulary: *const Arc<Vocabulary>,
    kind: i32,
    text: Text,
    grammar: *mut *mut Grammar,
    out: *mut Buffer,
) -> i32 {
    let result = guarded(Status::InvalidArgument, || {
        Grammar::new(&*vocabulary, Kind::from_number(kind)?, text.str()?)
    });
    deliver_object(out, grammar, result)
}

#[no_mangle]
pub unsafe extern "C" fn burin_grammar_free(grammar: *mut Grammar) {
    release(grammar);
}

#[no_mangle]
pub unsafe extern "C" fn burin_matcher_new(
    grammar: *const Grammar,
    matcher: *mut *mut Matcher,
    out: *mut Buffer,
) -> i32 {
    deliver_object(out, matcher, guarded(Status::Internal, || Ok(Matcher::new(&*grammar))))
}

#[no_mangle]
pub unsafe extern "C" fn burin_matcher_free(matcher: *mut Matcher) {
    release(matcher);
}

#[no_mangle]
pub unsafe extern "C" fn burin_matcher_mask(
    matcher: *mut Matcher,
    words: *mut u32,
    count: usize,
    out: *mut Buffer,
) -> i32 {
    let result = guarded(Status::Internal, || {
        let words = if count == 0 { &mut [] } else { std::slice::from_raw_parts_mut(words, count) };
        (*matcher).mask(words)
    });
    deliver(out, result.map(|()| Vec::new()))
}

#[no_mangle]
pub unsafe extern "C" fn burin_matcher_consume(matcher: *mut Matcher, id: i32, out: *mut Buffer) -> i32 {
    let result = guarded(Status::Internal, || (*matcher).consume(token_id(id)?));
    deliver(out, result.map(|()| Vec::new()))
}

#[repr(C)]
pub struct WantedEnd {
    known: *const i32,
    count: usize,
    most: usize,
    first: i32,
    only_known: bool,
}

#[no_mangle]
pub unsafe extern "C" fn burin_matcher_closing(
    matcher: *mut Matcher,
    wanted: *const WantedEnd,
    found: *mut bool,
    out: *mut Buffer,
) -> i32 {
    let result = guarded(Status::Internal, || {
        let WantedEnd { known, count, most, first, only_known } = *wanted;
        let known = slice(known, count).iter().map(|id| token_id(*id)).collect::<Result<Vec<u32>>>()?;
        let ids = (*matcher).closing(&Wanted { first: u32::try_from(first).ok(), known: &known, only_known, most });
        *found = ids.is_some();
        Ok(bytes_of(&ids.unwrap_or_default()))
    });
    deliver(out, result)
}

#[no_mangle]
pub unsafe extern "C" fn burin_matcher_forced(matcher: *mut Matcher, out: *mut Buffer) -> i32 {
    let result = guarded(Status::Internal, || Ok((*matcher).forced()));
    deliver(out, result.map(|ids| bytes_of(&ids)))
}

#[no_mangle]
pub unsafe extern "C" fn burin_matcher_state(
    matcher: *mut Matcher,
    accepting: *mut bool,
    stopped: *mut bool,
    out: *mut Buffer,
) -> i32 {
    let result = guarded(Status::Internal, || {
        stopped.write((*matcher).is_stopped());
        accepting.write((*matcher).is_accepting()?);
        Ok(Vec::new())
    });
    deliver(out, result)
}
