//! The keywords of a JSON schema that hold plain values: their ranges, their pairs, and what llguidance takes loosely.

use serde_json::{Map, Value};

use crate::failure::{exhausted, invalid, unsupported, Result};
use crate::grammar::MAX_PATTERN_BYTES;
use crate::schema_pattern as pattern;

/// Up to it each double stands for one whole number.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;
const MAX_COUNT: u64 = 10_000;
const MAX_LENGTH: u64 = 100_000;

const FORMATS: [&str; 10] =
    ["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"];

const YEAR: &str = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])";
const MONTH_AND_DAY: &str =
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))";
const LEAP_DAY: &str =
    "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29";
const CLOCK: &str = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";

/// RFC 3339 without what readers differ on (year 0, second 60, small letters); llguidance's own has a February 29th
/// in every year.
pub fn format_pattern(name: &str) -> Option<String> {
    let date = format!("(?:{YEAR}-{MONTH_AND_DAY}|{LEAP_DAY})");
    match name {
        "date" => Some(format!("^{date}$")),
        "time" => Some(format!("^{CLOCK}$")),
        "date-time" => Some(format!("^{date}T{CLOCK}$")),
        _ => None,
    }
}

/// Mail addresses and host names have a greatest length; llguidance's patterns for them have none.
pub fn bound_format(schema: &mut Map<String, Value>) {
    let most = match schema.get("format").and_then(Value::as_str) {
        Some("email") => 254,
        Some("hostname") => 253,
        _ => return,
    };
    let given = schema.get("maxLength").and_then(Value::as_u64);
    schema.insert("maxLength".into(), Value::from(given.map_or(most, |length| length.min(most))));
}

/// Bounds within which every reader of JSON has whole numbers exactly: instead of those beyond, and for whole numbers
/// without any, so that no model writes digits for ever.
pub fn bound_numbers(schema: &mut Map<String, Value>) {
    let is_integer = schema.get("type").and_then(Value::as_str) == Some("integer");
    for (bound, strict, limit) in
        [("minimum", "exclusiveMinimum", -MAX_EXACT), ("maximum", "exclusiveMaximum", MAX_EXACT)]
    {
        let given = schema.contains_key(bound) || schema.contains_key(strict);
        if is_integer && !given {
            schema.insert(bound.into(), Value::from(limit as i64));
        }
        for key in [bound, strict] {
            if schema.get(key).and_then(Value::as_f64).is_some_and(|value| value.abs() > MAX_EXACT) {
                schema.insert(key.into(), Value::from(limit as i64));
            }
        }
    }
}

/// `$schema` and `$id` say what the document is. Inside it they would change what references mean.
pub fn check_identity(key: &str, value: &Value, at_root: bool) -> Result<()> {
    let Some(text) = value.as_str() else { return Err(invalid(format!("{key} is a text"))) };
    if !at_root {
        return Err(unsupported(format!("keyword {key:?} cannot be honoured below the root")));
    }
    let known = text.contains("://json-schema.org/draft") && text.contains("/schema");
    if key == "$schema" && !known {
        return Err(unsupported(format!("the dialect {text:?} is not known")));
    }
    Ok(())
}

type Check = fn(&str, &Value) -> Result<()>;

const CHECKS: [(&str, Check); 21] = [
    ("$ref", |_, value| check_reference(value)),
    ("type", |_, value| check_types(value)),
    ("format", |_, value| check_format(value)),
    ("pattern", |_, value| check_pattern(value)),
    ("const", |_, value| check_literal(value)),
    ("enum", |_, value| check_enum(value)),
    ("required", |_, value| check_required(value)),
    ("properties", |_, value| check_names(value)),
    ("patternProperties", |_, value| check_name_patterns(value)),
    ("uniqueItems", |_, value| check_unique(value)),
    ("minItems", |key, value| check_count(key, value, MAX_COUNT)),
    ("maxItems", |key, value| check_count(key, value, MAX_COUNT)),
    ("minProperties", |key, value| check_count(key, value, MAX_COUNT)),
    ("maxProperties", |key, value| check_count(key, value, MAX_COUNT)),
    ("minLength", |key, value| check_count(key, value, MAX_LENGTH)),
    ("maxLength", |key, value| check_count(key, value, MAX_LENGTH)),
    ("minimum", check_bound),
    ("maximum", check_bound),
    ("multipleOf", check_number),
    ("exclusiveMinimum", check_bound),
    ("exclusiveMaximum", check_bound),
];

pub fn check(schema: &Map<String, Value>) -> Result<()> {
    for (key, value) in schema {
        if let Some((_, check)) = CHECKS.iter().find(|(name, _)| name == key) {
            check(key, value)?;
        }
    }
    check_pairs(schema)?;
    check_open_objects(schema)?;
    check_tuples(schema)
}

fn check_unique(value: &Value) -> Result<()> {
    match value {
        Value::Bool(false) => Ok(()),
        _ => Err(unsupported("keyword \"uniqueItems\" cannot be enforced")),
    }
}

/// An exclusive one is a flag in draft 4. Those far out are narrowed (`bound_numbers`).
fn check_bound(key: &str, value: &Value) -> Result<()> {
    let outward = if is_lower(key) { -1.0 } else { 1.0 };
    match value.as_f64() {
        None if value.is_boolean() && key.starts_with("exclusive") => Ok(()),
        Some(number) if number * outward > MAX_EXACT => Ok(()),
        _ => check_number(key, value),
    }
}

fn is_lower(key: &str) -> bool {
    key == "minimum" || key == "exclusiveMinimum"
}

fn check_reference(value: &Value) -> Result<()> {
    match value.as_str() {
        Some(text) if text == "#" || text.starts_with("#/") => Ok(()),
        Some(text) => Err(unsupported(format!("$ref {text:?}: only references inside the schema (#/..) are followed"))),
        None => Err(invalid("$ref is a text")),
    }
}

fn check_types(value: &Value) -> Result<()> {
    const NAMES: [&str; 7] = ["null", "boolean", "number", "integer", "string", "array", "object"];
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    if list.is_empty() {
        return Err(invalid("type names no type"));
    }
    match list.iter().find(|name| !name.as_str().is_some_and(|name| NAMES.contains(&name))) {
        Some(name) => Err(invalid(format!("{name} is no type"))),
        None => Ok(()),
    }
}

fn check_format(value: &Value) -> Result<()> {
    match value.as_str() {
        Some(name) if FORMATS.contains(&name) => Ok(()),
        Some(name) => {
            let known = FORMATS.join(", ");
            Err(unsupported(format!("format {name:?} cannot be enforced; those that can: {known}")))
        }
        None => Err(invalid("format is a text")),
    }
}

fn check_pattern(value: &Value) -> Result<()> {
    match value.as_str() {
        Some(text) if text.len() <= MAX_PATTERN_BYTES => pattern::translate(text).map(drop),
        Some(text) => Err(exhausted(format!("pattern has {} bytes, more than {MAX_PATTERN_BYTES}", text.len()))),
        None => Err(invalid("pattern is a text")),
    }
}

fn check_enum(value: &Value) -> Result<()> {
    match value.as_array().map(Vec::as_slice) {
        None => Err(invalid("enum is an array")),
        Some([]) => Err(invalid("enum allows no value")),
        Some(list) => list.iter().try_for_each(check_literal),
    }
}

/// A value that the answer must contain as it is.
fn check_literal(value: &Value) -> Result<()> {
    match value {
        Value::String(text) => check_text(text),
        Value::Number(_) => check_number("a listed number", value),
        Value::Array(list) => list.iter().try_for_each(check_literal),
        Value::Object(map) => {
            map.keys().try_for_each(|name| check_text(name))?;
            map.values().try_for_each(check_literal)
        }
        _ => Ok(()),
    }
}

fn check_text(text: &str) -> Result<()> {
    let unwritable = |c: char| c.is_ascii_control() && !"\n\r\t\u{8}\u{c}".contains(c);
    match text.chars().find(|c| unwritable(*c)) {
        Some(c) => Err(unsupported(format!("the control character U+{:04X} in a name or value", c as u32))),
        None => Ok(()),
    }
}

fn check_names(value: &Value) -> Result<()> {
    value.as_object().into_iter().flat_map(Map::keys).try_for_each(|name| check_text(name))
}

fn check_name_patterns(value: &Value) -> Result<()> {
    value.as_object().into_iter().flat_map(Map::keys).try_for_each(|name| pattern::translate(name).map(drop))
}

fn check_required(value: &Value) -> Result<()> {
    match value.as_array() {
        Some(list) if list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).try_for_each(check_text)
        }
        _ => Err(invalid("required is an array of names")),
    }
}

fn check_count(key: &str, value: &Value, most: u64) -> Result<()> {
    match value.as_u64() {
        Some(count) if count <= most => Ok(()),
        Some(count) => Err(exhausted(format!("{key} is {count}, more than {most}"))),
        None => Err(invalid(format!("{key} is a whole number of 0 or more"))),
    }
}

fn check_number(key: &str, value: &Value) -> Result<()> {
    match value.as_f64() {
        Some(number) if number.abs() <= MAX_EXACT && number.is_finite() => Ok(()),
        Some(_) => Err(unsupported(format!("{key} is {value}: whole numbers are exact up to 2^53 only"))),
        None => Err(invalid(format!("{key} is a number"))),
    }
}

fn check_pairs(schema: &Map<String, Value>) -> Result<()> {
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    const PAIRS: [(&str, &str); 4] = [
        ("minimum", "maximum"),
        ("minLength", "maxLength"),
        ("minItems", "maxItems"),
        ("minProperties", "maxProperties"),
    ];
    for (low, high) in PAIRS {
        if let (Some(least), Some(most)) = (number(low), number(high)) {
            if least > most {
                return Err(invalid(format!("no value satisfies it: {low} is {least}, {high} is {most}")));
            }
        }
    }
    Ok(())
}

/// llguidance counts names as they are written, so one written twice would count twice.
fn check_open_objects(schema: &Map<String, Value>) -> Result<()> {
    let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
    let required = schema.get("required").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    if least > required && !(closed && !schema.contains_key("patternProperties")) {
        return Err(unsupported(
            "minProperties beyond the required names cannot be enforced while other names are allowed",
        ));
    }
    Ok(())
}

/// Forms of fixed places in an array that llguidance reads in one way only.
fn check_tuples(schema: &Map<String, Value>) -> Result<()> {
    let old = schema.get("items").is_some_and(Value::is_array);
    if schema.contains_key("additionalItems") && !old {
        return Err(unsupported("additionalItems without an array of items has no effect; write items"));
    }
    if old && schema.contains_key("prefixItems") {
        return Err(unsupported("prefixItems beside an array of items"));
    }
    Ok(())
}
