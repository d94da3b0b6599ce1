//! The filters, functions and methods a chat template finds, each behind the budget.

use std::cell::Cell;
use std::fmt;

use minijinja::formatting::{format, FormatStyle};
use minijinja::value::{from_args, Kwargs, Rest, ValueKind, ValueOrKwargs};
use minijinja::{filters, Environment, Error, ErrorKind, Output, State, Value};
use minijinja_contrib::{globals, pycompat};

use crate::budget::{charge_items, charge_list, charge_string, charge_value};
use crate::guards::{self, checked};
use crate::python::{self, JsonStyle};

/// Namespaces may refer to each other; fewer than this cannot form a chain that overflows the stack.
const MAX_NAMESPACES: usize = 2048;

thread_local!(static NAMESPACES: Cell<usize> = const { Cell::new(0) });

/// The template's own message, given to `raise_exception`.
#[derive(Debug)]
struct Raised(String);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

pub fn raised(error: &Error) -> Option<String> {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(raised) = inner.downcast_ref::<Raised>() {
            return Some(raised.0.clone());
        }
        source = inner.source();
    }
    None
}

/// Sorting visits every item several times.
fn charge_comparing(value: &Value) -> Result<(), Error> {
    (0..4).try_for_each(|_| charge_value(value))
}

fn bad_argument(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// Registers a built-in filter such that its arguments and its result are accounted for.
macro_rules! guarded_filters {
    ($environment:ident $charge:ident: $($name:literal $filter:ident),* $(,)?) => {$(
        let original = Value::from_function(filters::$filter);
        $environment.add_filter($name, move |state: &mut State, args: Rest<ValueOrKwargs>| {
            let args = args.into_values();
            args.iter().try_for_each($charge)?;
            guards::as_list(original.call(state, &args)?)
        });
    )*};
}

/// What has a length and items by key in Python: text and mappings too.
fn is_sequence(value: Value) -> bool {
    !matches!(value.kind(), ValueKind::None | ValueKind::Bool | ValueKind::Number) && value.len().is_some()
}

pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    for name in ["batch", "slice", "chain", "zip", "pprint", "groupby"] {
        environment.remove_filter(name);
    }
    guarded_filters!(environment charge_items:
        "lower" lower, "upper" upper, "title" title, "capitalize" capitalize, "items" items,
        "reverse" reverse, "trim" trim, "split" split, "lines" lines, "default" default, "d" default,
        "first" first, "last" last, "list" list, "select" select, "reject" reject, "selectattr" selectattr,
        "rejectattr" rejectattr, "map" map, "attr" attr, "escape" escape, "e" escape);
    guarded_filters!(environment charge_comparing:
        "dictsort" dictsort, "min" min, "max" max, "sort" sort, "sum" sum, "unique" unique);
    for name in ["length", "count"] {
        environment.add_filter(name, length);
    }
    environment.add_filter("tojson", to_json);
    environment.add_filter("string", |value: Value| python::text(&value));
    environment.add_filter("join", join);
    environment.add_filter("replace", |text: Value, from: String, to: String| {
        replace(&python::text(&text)?, &from, &to, usize::MAX)
    });
    environment.add_filter("indent", indent);
    environment.add_filter("format", |text: String, args: Rest<ValueOrKwargs>| {
        bounded_format(FormatStyle::Printf, &text, &args.into_values())
    });
    environment.add_test("iterable", |value: Value| !value.is_none() && value.try_iter().is_ok());
    environment.add_test("sequence", is_sequence);
    add_tests(&mut environment);
    guards::add_operators(&mut environment);
    add_functions(&mut environment);
    environment.set_unknown_method_callback(call_method);
    environment.set_formatter(write_value);
    environment.set_fuel(Some(crate::budget::FUEL));
    environment
}

/// Tests that answer otherwise than jinja2's, and those that compare whole values.
fn add_tests(environment: &mut Environment) {
    use ValueKind::{Bool, Iterable, Map, Number, Seq, String, Undefined};
    environment.add_test("iterable", |value: &Value| {
        matches!(value.kind(), String | Seq | Map | Iterable | Undefined)
    });
    environment.add_test("sequence", |value: &Value| {
        matches!(value.kind(), String | Seq | Map | Iterable | Undefined)
    });
    environment.add_test("number", |value: &Value| matches!(value.kind(), Number | Bool));
    for name in ["eq", "equalto", "=="] {
        environment.add_test(name, |a: &Value, b: &Value| guards::is_equal(a, b));
    }
    for name in ["ne", "!="] {
        environment.add_test(name, |a: &Value, b: &Value| guards::is_equal(a, b).map(|equal| !equal));
    }
    environment.add_test("in", |a: &Value, b: &Value| guards::contains(a, b));
}

fn add_functions(environment: &mut Environment) {
    environment.add_function("raise_exception", |message: Value| -> Result<Value, Error> {
        let text = python::text(&message)?;
        Err(Error::new(ErrorKind::InvalidOperation, "raised by the template").with_source(Raised(text)))
    });
    environment.add_function("strftime_now", |format: String| crate::clock::local_time(&format));
    let namespace = Value::from_function(minijinja::functions::namespace);
    environment.add_function("namespace", move |state: &mut State, args: Rest<ValueOrKwargs>| {
        let args = args.into_values();
        args.iter().try_for_each(charge_value)?;
        NAMESPACES.with(|count| count.set(count.get() + 1));
        if NAMESPACES.with(Cell::get) > MAX_NAMESPACES {
            return Err(bad_argument("too many namespaces"));
        }
        namespace.call(state, &args)
    });
    let dict = Value::from_function(minijinja::functions::dict);
    environment.add_function("dict", move |state: &mut State, args: Rest<ValueOrKwargs>| {
        checked(dict.call(state, &args.into_values())?)
    });
    environment.add_function("cycler", globals::cycler);
    environment.add_function("joiner", globals::joiner);
}

/// Starts the account of one rendering on this thread.
pub fn open() {
    crate::budget::open();
    NAMESPACES.with(|count| count.set(0));
}

fn write_value(out: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    let written = match value.as_str() {
        Some(text) => {
            charge_string(text.len())?;
            out.write_str(text)
        }
        None => out.write_str(&python::text(value)?),
    };
    written.map_err(|_| bad_argument("the output could not be written"))
}

/// Of an undefined value it is 0, as in jinja2.
fn length(value: Value) -> Result<usize, Error> {
    if value.is_undefined() {
        return Ok(0);
    }
    charge_items(&Value::from(value.as_str().unwrap_or_default()))?;
    filters::length(&value)
}

/// `tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`, as transformers has it.
fn to_json(value: Value, args: Rest<Value>, kwargs: Kwargs) -> Result<String, Error> {
    let argument = |index: usize, name: &str| -> Result<Value, Error> {
        match args.get(index) {
            Some(value) => Ok(value.clone()),
            None => Ok(kwargs.get::<Option<Value>>(name)?.unwrap_or_default()),
        }
    };
    let indent = argument(1, "indent")?;
    let indent = match indent.kind() {
        ValueKind::Undefined | ValueKind::None => None,
        ValueKind::String => Some(indent.as_str().unwrap_or_default().to_string()),
        _ => Some(" ".repeat(i64::try_from(indent)?.clamp(0, 64) as usize)),
    };
    let mut style = JsonStyle {
        ensure_ascii: argument(0, "ensure_ascii")?.is_true(),
        sort_keys: argument(3, "sort_keys")?.is_true(),
        item_separator: if indent.is_some() { "," } else { ", " }.to_string(),
        key_separator: ": ".to_string(),
        indent,
    };
    let separators = argument(2, "separators")?;
    if separators.kind() == ValueKind::Seq {
        style.item_separator = python::text(&separators.get_item_by_index(0)?)?;
        style.key_separator = python::text(&separators.get_item_by_index(1)?)?;
    }
    kwargs.assert_all_used()?;
    python::json(&value, &style)
}

fn join_items(separator: &str, items: impl Iterator<Item = Result<Value, Error>>) -> Result<String, Error> {
    let mut out = String::new();
    for (index, item) in items.enumerate() {
        let text = python::text(&item?)?;
        charge_string(out.len() + separator.len() + text.len())
            .and_then(|()| if index == 0 { Ok(()) } else { charge_string(separator.len()) })?;
        if index > 0 {
            out.push_str(separator);
        }
        out.push_str(&text);
    }
    Ok(out)
}

fn join(value: Value, separator: Option<Value>, kwargs: Kwargs) -> Result<String, Error> {
    let separator = match separator {
        Some(value) => value,
        None => kwargs.get::<Option<Value>>("d")?.unwrap_or_default(),
    };
    let attribute = kwargs.get::<Option<String>>("attribute")?;
    kwargs.assert_all_used()?;
    let pick = |item: Value| match &attribute {
        Some(name) => item.get_attr(name),
        None => Ok(item),
    };
    join_items(&python::text(&separator)?, value.try_iter()?.map(pick))
}

fn replace(text: &str, from: &str, to: &str, count: usize) -> Result<String, Error> {
    let found = text.matches(from).take(count).count();
    charge_string(text.len().saturating_add(found.saturating_mul(to.len())))?;
    Ok(text.replacen(from, to, count))
}

/// Source: jinja2 3.1, `do_indent`.
fn indent(text: Value, width: Option<Value>, first: Option<bool>, blank: Option<bool>, kwargs: Kwargs) -> Result<String, Error> {
    let width = width.or(kwargs.get("width")?).unwrap_or_else(|| Value::from(4));
    let first = first.or(kwargs.get("first")?).unwrap_or(false);
    let blank = blank.or(kwargs.get("blank")?).unwrap_or(false);
    kwargs.assert_all_used()?;
    let margin = match width.as_str() {
        Some(text) => text.to_string(),
        None => " ".repeat(i64::try_from(width)?.clamp(0, 1024) as usize),
    };
    let text = python::text(&text)?;
    charge_string(text.len().saturating_add((text.matches('\n').count() + 1).saturating_mul(margin.len())))?;
    let mut out = String::new();
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if (index > 0 && (blank || !line.is_empty())) || (index == 0 && first) {
            out.push_str(&margin);
        }
        out.push_str(line);
    }
    Ok(out)
}

/// Formatting with widths that come from arguments or have four digits and more is refused.
fn bounded_format(style: FormatStyle, text: &str, args: &[Value]) -> Result<String, Error> {
    let mut digits = 0;
    let mut braces = 0;
    for c in text.chars() {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        braces = match c {
            '{' => braces + 1,
            '}' => 0,
            _ => braces,
        };
        let from_argument = matches!(style, FormatStyle::Printf) && c == '*';
        if digits > 3 || from_argument || braces > 2 {
            return Err(bad_argument("the format string is not allowed"));
        }
    }
    args.iter().try_for_each(charge_value)?;
    let out = format(style, text, args)?;
    charge_string(out.len())?;
    Ok(out)
}

fn call_method(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    charge_items(value)?;
    args.iter().try_for_each(charge_items)?;
    match (value.as_str(), method) {
        (Some(separator), "join") => {
            let (items,): (Value,) = from_args(args)?;
            join_items(separator, items.try_iter()?.map(Ok)).map(Value::from)
        }
        (Some(text), "replace") => {
            let (from, to, count): (&str, &str, Option<i64>) = from_args(args)?;
            let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
            replace(text, from, to, count).map(Value::from)
        }
        (Some(text), "format") => bounded_format(FormatStyle::StrFormat, text, args).map(Value::from),
        (Some(text), "split") if args.is_empty() => {
            let parts: Vec<Value> = text.split_whitespace().map(Value::from).collect();
            charge_list(parts.len())?;
            Ok(Value::from(parts))
        }
        _ => guards::as_list(pycompat::unknown_method_callback(state, value, method, args)?),
    }
}
