//! Rewrites a compiled template so that every operator that can build or visit much goes through the budget.
//! The names of these functions hold a NUL, so no template can call or replace them.

use minijinja::machinery::{Instruction, Instructions};
use minijinja::value::{Rest, Tuple, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, Value};

use crate::budget::{charge_items, charge_list, charge_string, charge_value};
use crate::python;

const ADD: &str = "\0add";
const MULTIPLY: &str = "\0multiply";
const CONCAT: &str = "\0concat";
const SLICE: &str = "\0slice";
const LIST: &str = "\0list";
const TUPLE: &str = "\0tuple";
const MAP: &str = "\0map";
const ITERABLE: &str = "\0iterable";
const EQUAL: &str = "\0equal";
const NOT_EQUAL: &str = "\0not_equal";
const CONTAINS: &str = "\0contains";

/// Raw text shorter than this is paid for by fuel.
const SHORT_TEXT: usize = 32;

/// `instructions` with long raw text emitted as a value, so that the formatter counts it in captures and macros
/// too, and with the operators replaced by calls.
pub fn guard<'a>(instructions: &Instructions<'a>) -> Instructions<'a> {
    let all = || (0..).map_while(|index| instructions.get(index));
    let mut length = 0;
    let mut places: Vec<u32> = Vec::new();
    for instruction in all() {
        places.push(length);
        length += if is_long_text(instruction) || is_loop(instruction) { 2 } else { 1 };
    }
    places.push(length);
    let mut out = Instructions::new(instructions.name(), instructions.source());
    for (index, instruction) in all().enumerate() {
        let line = instructions.get_line(index as u32).unwrap_or(0) as u16;
        match instruction {
            Instruction::EmitRaw(text) if is_long_text(instruction) => {
                out.add_with_line(Instruction::LoadConst(Value::from(*text)), line);
                out.add_with_line(Instruction::Emit, line);
            }
            Instruction::PushLoop(flags) => {
                out.add_with_line(Instruction::CallFunction(ITERABLE, Some(1)), line);
                out.add_with_line(Instruction::PushLoop(*flags), line);
            }
            _ => {
                out.add_with_line(replaced(instruction, &places), line);
            }
        }
    }
    out
}

fn is_long_text(instruction: &Instruction) -> bool {
    matches!(instruction, Instruction::EmitRaw(text) if text.len() > SHORT_TEXT)
}

fn is_loop(instruction: &Instruction) -> bool {
    matches!(instruction, Instruction::PushLoop(_))
}

fn replaced<'a>(instruction: &Instruction<'a>, places: &[u32]) -> Instruction<'a> {
    let moved = |target: u32| places[target as usize];
    let (name, count) = match instruction {
        Instruction::Iterate(target) => return Instruction::Iterate(moved(*target)),
        Instruction::Jump(target) => return Instruction::Jump(moved(*target)),
        Instruction::JumpIfFalse(target) => return Instruction::JumpIfFalse(moved(*target)),
        Instruction::JumpIfFalseOrPop(target) => return Instruction::JumpIfFalseOrPop(moved(*target)),
        Instruction::JumpIfTrueOrPop(target) => return Instruction::JumpIfTrueOrPop(moved(*target)),
        Instruction::BuildMacro(name, target, flags) => return Instruction::BuildMacro(name, moved(*target), *flags),
        Instruction::Add => (ADD, 2),
        Instruction::Mul => (MULTIPLY, 2),
        Instruction::StringConcat => (CONCAT, 2),
        Instruction::Slice => (SLICE, 4),
        Instruction::Eq => (EQUAL, 2),
        Instruction::Ne => (NOT_EQUAL, 2),
        Instruction::In => (CONTAINS, 2),
        Instruction::BuildList(Some(count)) => (LIST, *count),
        Instruction::BuildTuple(Some(count)) => (TUPLE, *count),
        Instruction::BuildMap(count) => (MAP, 2 * *count),
        _ => return instruction.clone(),
    };
    match u16::try_from(count) {
        Ok(count) => Instruction::CallFunction(name, Some(count)),
        Err(_) => instruction.clone(),
    }
}

fn operand_error(operator: &str, left: &Value, right: &Value) -> Error {
    let message = format!("unsupported operand types for {operator}: {} and {}", left.kind(), right.kind());
    Error::new(ErrorKind::InvalidOperation, message)
}

fn add(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
        charge_string(a.len() + b.len())?;
        return Ok(Value::from([a, b].concat()));
    }
    if is_list(left) && is_list(right) {
        charge_list(left.len().unwrap_or(0) + right.len().unwrap_or(0))?;
        let items: Vec<Value> = left.try_iter()?.chain(right.try_iter()?).collect();
        return Ok(if left.is_tuple() { Value::from(Tuple::from(items)) } else { Value::from(items) });
    }
    arithmetic(left, right, "+", i128::checked_add, |a, b| a + b)
}

fn multiply(left: &Value, right: &Value) -> Result<Value, Error> {
    let (items, times) = if right.is_integer() { (left, right) } else { (right, left) };
    if items.as_str().is_none() && !is_list(items) {
        return arithmetic(left, right, "*", i128::checked_mul, |a, b| a * b);
    }
    let times = i64::try_from(times.clone()).map_err(|_| operand_error("*", left, right))?.max(0) as usize;
    if let Some(text) = items.as_str() {
        charge_string(text.len().saturating_mul(times))?;
        return Ok(Value::from(text.repeat(times)));
    }
    charge_list(items.len().unwrap_or(0).saturating_mul(times))?;
    let once: Vec<Value> = items.try_iter()?.collect();
    let count = once.len() * times;
    Ok(Value::from(once.into_iter().cycle().take(count).collect::<Vec<Value>>()))
}

fn arithmetic(
    left: &Value,
    right: &Value,
    operator: &'static str,
    integers: fn(i128, i128) -> Option<i128>,
    floats: fn(f64, f64) -> f64,
) -> Result<Value, Error> {
    let is_numeric = |value: &Value| matches!(value.kind(), ValueKind::Number | ValueKind::Bool);
    if !is_numeric(left) || !is_numeric(right) {
        return Err(operand_error(operator, left, right));
    }
    let is_whole = |value: &Value| value.is_integer() || value.kind() == ValueKind::Bool;
    if is_whole(left) && is_whole(right) {
        let result = integers(i128::try_from(left.clone())?, i128::try_from(right.clone())?);
        let result = result.ok_or_else(|| operand_error(operator, left, right))?;
        return Ok(i64::try_from(result).map_or_else(|_| Value::from(result), Value::from));
    }
    Ok(Value::from(floats(f64::try_from(left.clone())?, f64::try_from(right.clone())?)))
}

/// Python refuses to loop over None, the engine does not.
fn iterable(value: Value) -> Result<Value, Error> {
    if value.is_none() {
        return Err(Error::new(ErrorKind::InvalidOperation, "None is not iterable"));
    }
    Ok(value)
}

fn is_container(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable)
}

fn is_list(value: &Value) -> bool {
    value.kind() == ValueKind::Seq
}

/// `value` with lazy sequences made into lists: a chain of lazy ones would recurse without limit.
pub fn checked(value: Value) -> Result<Value, Error> {
    let value = as_list(value)?;
    charge_value(&value)?;
    Ok(value)
}

/// As `checked`, for operations that do not nest values any deeper.
pub fn as_list(value: Value) -> Result<Value, Error> {
    if value.kind() == ValueKind::Iterable {
        charge_list(value.len().unwrap_or(0))?;
        return Ok(Value::from(value.try_iter()?.collect::<Vec<Value>>()));
    }
    charge_items(&value)?;
    Ok(value)
}

fn concat(left: &Value, right: &Value) -> Result<Value, Error> {
    let (a, b) = (python::text(left)?, python::text(right)?);
    charge_string(a.len() + b.len())?;
    Ok(Value::from(a + &b))
}

pub fn is_equal(left: &Value, right: &Value) -> Result<bool, Error> {
    if is_container(left) && is_container(right) && left.len() == right.len() {
        charge_value(left)?;
        charge_value(right)?;
    }
    Ok(left == right)
}

pub fn contains(value: &Value, container: &Value) -> Result<bool, Error> {
    charge_items(container)?;
    if is_container(value) {
        charge_value(container)?;
    }
    match container.kind() {
        ValueKind::Undefined => Ok(false),
        ValueKind::String => match value.as_str() {
            Some(text) => Ok(container.as_str().unwrap_or_default().contains(text)),
            None => Err(operand_error("in", value, container)),
        },
        ValueKind::Map => Ok(container.try_iter()?.any(|key| key == *value)),
        ValueKind::Seq | ValueKind::Iterable => Ok(container.try_iter()?.any(|item| item == *value)),
        _ => Err(operand_error("in", value, container)),
    }
}

fn slice(value: &Value, start: &Value, stop: &Value, step: &Value) -> Result<Value, Error> {
    let bound = |value: &Value| match value.kind() {
        ValueKind::None | ValueKind::Undefined => Ok(None),
        _ => i64::try_from(value.clone()).map(Some),
    };
    let (start, stop, step) = (bound(start)?, bound(stop)?, bound(step)?.unwrap_or(1));
    if step == 0 {
        return Err(Error::new(ErrorKind::InvalidOperation, "slice step cannot be zero"));
    }
    charge_items(value)?;
    if let Some(text) = value.as_str() {
        let chars: Vec<char> = text.chars().collect();
        let picked: String = slice_indices(chars.len(), start, stop, step).map(|i| chars[i]).collect();
        return Ok(Value::from(picked));
    }
    if value.is_undefined() || !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        let message = format!("a value of type {} cannot be sliced", value.kind());
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    let items: Vec<Value> = value.try_iter()?.collect();
    let picked: Vec<Value> = slice_indices(items.len(), start, stop, step).map(|i| items[i].clone()).collect();
    Ok(if value.is_tuple() { Value::from(Tuple::from(picked)) } else { Value::from(picked) })
}

/// The indices of Python's `slice(start, stop, step)` over `length` items.
fn slice_indices(length: usize, start: Option<i64>, stop: Option<i64>, step: i64) -> impl Iterator<Item = usize> {
    let length = length as i64;
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |bound: i64| (if bound < 0 { bound.saturating_add(length) } else { bound }).clamp(low, high);
    let start = start.map_or(if step > 0 { low } else { high }, clamp);
    let stop = stop.map_or(if step > 0 { high } else { low }, clamp);
    let next = move |index: &i64| index.checked_add(step);
    std::iter::successors(Some(start), next)
        .take_while(move |index| if step > 0 { *index < stop } else { *index > stop })
        .map(|index| index as usize)
}

/// Adds the functions that `replace_operators` calls.
pub fn add_operators(environment: &mut Environment) {
    environment.add_function(ADD, |a: Value, b: Value| add(&a, &b));
    environment.add_function(MULTIPLY, |a: Value, b: Value| multiply(&a, &b));
    environment.add_function(CONCAT, |a: Value, b: Value| concat(&a, &b));
    environment.add_function(EQUAL, |a: Value, b: Value| is_equal(&a, &b));
    environment.add_function(NOT_EQUAL, |a: Value, b: Value| is_equal(&a, &b).map(|equal| !equal));
    environment.add_function(CONTAINS, |a: Value, b: Value| contains(&a, &b));
    environment.add_function(SLICE, |v: Value, a: Value, b: Value, c: Value| slice(&v, &a, &b, &c));
    environment.add_function(ITERABLE, iterable);
    environment.add_function(LIST, |items: Rest<ValueOrKwargs>| checked(Value::from(items.into_values())));
    environment.add_function(TUPLE, |items: Rest<ValueOrKwargs>| {
        checked(Value::from(Tuple::from(items.into_values())))
    });
    environment.add_function(MAP, |items: Rest<ValueOrKwargs>| {
        let items = items.into_values();
        checked(Value::from_pairs(items.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()))))
    });
}
