//! What a JSON schema's parts mean for each other: which of them a finite value can satisfy, and which two share none.

use serde_json::{Map, Value};

/// A node holds when all, or any, of the nodes it names hold.
pub enum Node {
    All(Vec<usize>),
    Any(Vec<usize>),
}

#[derive(Default)]
pub struct Graph {
    pub nodes: Vec<Node>,
}

impl Graph {
    pub fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The least fixed point: what needs itself does not hold. Linear in the size of the graph.
    pub fn holds(&self) -> Vec<bool> {
        let mut users = vec![Vec::new(); self.nodes.len()];
        let mut missing = vec![0; self.nodes.len()];
        let mut holds = vec![false; self.nodes.len()];
        let mut ready = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let (needs, count) = match node {
                Node::All(needs) => (needs, needs.len()),
                Node::Any(needs) => (needs, 1),
            };
            needs.iter().for_each(|need| users[*need].push(index));
            missing[index] = count;
            if count == 0 {
                ready.push(index);
            }
        }
        while let Some(index) = ready.pop() {
            if std::mem::replace(&mut holds[index], true) {
                continue;
            }
            for user in &users[index] {
                missing[*user] = usize::saturating_sub(missing[*user], 1);
                if missing[*user] == 0 {
                    ready.push(*user);
                }
            }
        }
        holds
    }
}

/// The value a local reference names: "#" or "#/..." with the escapes of RFC 6901 inside a URI fragment.
pub fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let fragment = reference.strip_prefix('#')?;
    if !fragment.is_empty() && !fragment.starts_with('/') {
        return None;
    }
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    root.pointer(std::str::from_utf8(&bytes).ok()?)
}

fn members<'a>(object: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Type names of a schema, `number` standing for both kinds of numbers; none when it says nothing of types.
pub fn types(schema: &Map<String, Value>) -> Option<Vec<&str>> {
    let name = |value: &'_ Value| match value.as_str() {
        Some("integer") => Some("number"),
        other => ["null", "boolean", "number", "string", "array", "object"].into_iter().find(|t| other == Some(t)),
    };
    match schema.get("type")? {
        Value::Array(list) => Some(list.iter().filter_map(name).collect()),
        value => Some(name(value).into_iter().collect()),
    }
}

/// The only values a schema allows, where it lists them.
fn values(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(value), _) => Some(vec![value]),
        (None, Some(Value::Array(list))) => Some(list.iter().collect()),
        _ => None,
    }
}

/// Numbers are left out: 1 and 1.0 are equal.
fn no_common_value(a: &[&Value], b: &[&Value]) -> bool {
    const MOST: usize = 256;
    let plain = |list: &[&Value]| list.len() <= MOST && list.iter().all(|v| v.is_string() || v.is_boolean() || v.is_null());
    plain(a) && plain(b) && a.iter().all(|value| !b.contains(value))
}

/// Schemas of one document, compared two by two.
pub struct Pairs<'a> {
    pub root: &'a Value,
    /// What stands around the two allows objects only.
    pub objects_only: bool,
}

impl Pairs<'_> {
    /// Whether no value satisfies both, as far as types, listed values and the properties of objects tell.
    pub fn disjoint(&self, a: &Value, b: &Value, depth: usize) -> bool {
        let (Some(a), Some(b)) = (target(self.root, a), target(self.root, b)) else { return false };
        if let (Some(a), Some(b)) = (types(a), types(b)) {
            if a.iter().all(|name| !b.contains(name)) {
                return true;
            }
        }
        if let (Some(a), Some(b)) = (values(a), values(b)) {
            if no_common_value(&a, &b) {
                return true;
            }
        }
        let is_object = |schema| types(schema).map_or(self.objects_only && depth == 0, |names| names == ["object"]);
        depth < 4 && is_object(a) && is_object(b) && self.tagged_apart(a, b, depth)
    }

    /// Whether two objects differ in a property that one of them must have.
    fn tagged_apart(&self, a: &Map<String, Value>, b: &Map<String, Value>, depth: usize) -> bool {
        let property = |schema: &'_ Map<String, Value>, name: &str| schema.get("properties")?.get(name).cloned();
        members(a, "required").iter().chain(members(b, "required")).take(64).filter_map(Value::as_str).any(|name| {
            match (property(a, name), property(b, name)) {
                (Some(a), Some(b)) => self.disjoint(&a, &b, depth + 1),
                _ => false,
            }
        })
    }
}

/// A schema object behind references that stand alone.
fn target<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Map<String, Value>> {
    let mut schema = schema;
    for _ in 0..8 {
        let object = schema.as_object()?;
        match object.get("$ref").and_then(Value::as_str) {
            Some(reference) if !object.contains_key("type") => schema = resolve(root, reference)?,
            _ => return Some(object),
        }
    }
    None
}
