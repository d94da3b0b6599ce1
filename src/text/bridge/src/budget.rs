//! What one rendering may use. A template comes with a downloaded model: it may be hostile.

use std::cell::Cell;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

pub const FUEL: u64 = 2_000_000;
pub const MAX_SOURCE_BYTES: usize = 1 << 20;
pub const MAX_OUTPUT_BYTES: usize = 4 << 20;
/// Longest single string a template may build.
const MAX_STRING_BYTES: usize = 8 << 20;
/// Most values one container may hold, its inner containers included.
const MAX_NODES: usize = 1 << 20;
const MAX_DEPTH: usize = 64;
/// All bytes built and all values visited by operators, filters and methods.
const MAX_WORK: u64 = 256 << 20;

thread_local!(static WORK: Cell<u64> = const { Cell::new(0) });

/// Starts the account of one rendering on this thread.
pub fn open() {
    WORK.with(|work| work.set(MAX_WORK));
}

fn refuse(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("the template {what}"))
}

pub fn charge(amount: usize) -> Result<(), Error> {
    WORK.with(|work| {
        let left = work.get().checked_sub(amount as u64).ok_or_else(|| refuse("does too much work"))?;
        work.set(left);
        Ok(())
    })
}

/// Accounts for a string of `bytes` about to be built.
pub fn charge_string(bytes: usize) -> Result<(), Error> {
    if bytes > MAX_STRING_BYTES {
        return Err(refuse("builds too long a string"));
    }
    charge(bytes)
}

/// Accounts for a list of `count` values about to be built.
pub fn charge_list(count: usize) -> Result<(), Error> {
    if count > MAX_NODES {
        return Err(refuse("builds too long a list"));
    }
    charge(count * 64)
}

/// Accounts for a look at the items of `value`, not at theirs.
pub fn charge_items(value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => charge(text.len() / 4),
        None => charge(value.len().unwrap_or(0).saturating_mul(16)),
    }
}

/// Accounts for a visit to all of `value`: refuses what nests too deep or holds too much.
pub fn charge_value(value: &Value) -> Result<(), Error> {
    let mut nodes = 0;
    count(value, 0, &mut nodes)?;
    charge(nodes * 32)
}

fn count(value: &Value, depth: usize, nodes: &mut usize) -> Result<(), Error> {
    *nodes += 1 + value.as_str().map_or(0, |text| text.len() / 16);
    if *nodes > MAX_NODES {
        return Err(refuse("builds too large a value"));
    }
    if depth > MAX_DEPTH {
        return Err(refuse("nests values too deep"));
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Map if value.len() != Some(0) => {
            let is_map = value.kind() == ValueKind::Map;
            for item in value.try_iter()? {
                if is_map {
                    count(&value.get_item(&item)?, depth + 1, nodes)?;
                }
                count(&item, depth + 1, nodes)?;
            }
        }
        ValueKind::Iterable => *nodes += value.len().unwrap_or(0),
        _ => {}
    }
    Ok(())
}
