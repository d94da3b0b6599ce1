//! Patterns of a JSON schema are ECMA-262's; those of llguidance are of the crate `regex`, where some texts mean other
//! things: classes nest and have set operations, a dot takes line ends, and some escapes are its own.

use crate::failure::{unsupported, Result};

const DOT: &str = "[^\\n\\r\\u2028\\u2029]";
const ANYTHING: &str = "[\\s\\S]";

/// `pattern` such that the crate `regex` reads in it what ECMA-262 does.
pub fn translate(pattern: &str) -> Result<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(tail) = rest.strip_prefix("[^]") {
            out.push_str(ANYTHING);
            rest = tail;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => rest = escape(rest, &mut out)?,
            '.' => out.push_str(DOT),
            '[' => rest = class(rest, &mut out)?,
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// `rest` begins behind the backslash; returns what follows the escaped character.
fn escape<'a>(rest: &'a str, out: &mut String) -> Result<&'a str> {
    let Some(c) = rest.chars().next() else { return Err(unsupported("pattern ends with a backslash")) };
    if "AzZGQE<>".contains(c) {
        return Err(unsupported(format!("pattern has \\{c}, which ECMA-262 does not know")));
    }
    out.push('\\');
    out.push(c);
    Ok(&rest[c.len_utf8()..])
}

/// `rest` begins behind the bracket that opens the class; returns what follows the one that closes it.
fn class<'a>(rest: &'a str, out: &mut String) -> Result<&'a str> {
    out.push('[');
    let mut rest = rest;
    if let Some(tail) = rest.strip_prefix('^') {
        out.push('^');
        rest = tail;
    } else if rest.starts_with(']') {
        return Err(unsupported("pattern has [], which nothing matches"));
    }
    let mut before = None;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            ']' => {
                out.push(']');
                return Ok(rest);
            }
            '\\' => rest = escape(rest, out)?,
            '[' => out.push_str("\\["),
            '&' | '~' | '-' if before == Some(c) => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
        before = Some(c);
    }
    Err(unsupported("pattern has a class that does not end"))
}
