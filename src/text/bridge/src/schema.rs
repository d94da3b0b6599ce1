//! A JSON schema on its way to llguidance: held to limits, refused where a part of it would not be enforced (what
//! llguidance does not know it ignores), and put into the words in which llguidance does enforce it.

use std::collections::{HashMap, HashSet};

use serde_json::{json, Map, Value};

use crate::failure::{exhausted, invalid, unsupported, Failure, Result};
use crate::schema_graph::{resolve, types, Graph, Node, Pairs};
use crate::schema_multiples::CommonMultiple;
use crate::schema_pattern;
use crate::schema_values as values;

const MAX_DEPTH: usize = 64;
const MAX_NODES: usize = 10_000;

enum Role {
    Schema,
    Schemas,
    /// One schema, or one for each place.
    Items,
    SchemaMap,
    Plain,
    Note,
}

fn role(key: &str) -> Option<Role> {
    Some(match key {
        "additionalProperties" | "additionalItems" => Role::Schema,
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Role::Schemas,
        "items" => Role::Items,
        "properties" | "patternProperties" | "$defs" | "definitions" => Role::SchemaMap,
        "$ref" | "const" | "enum" | "type" | "required" | "minItems" | "maxItems" | "minLength" | "maxLength"
        | "minProperties" | "maxProperties" | "pattern" | "format" | "minimum" | "maximum" | "exclusiveMinimum"
        | "exclusiveMaximum" | "multipleOf" | "uniqueItems" => Role::Plain,
        "title" | "description" | "default" | "examples" | "example" | "deprecated" | "readOnly" | "writeOnly"
        | "$comment" | "$anchor" | "contentMediaType" | "contentEncoding" | "discriminator" | "externalDocs" | "xml" => {
            Role::Note
        }
        "x-guidance" => return None,
        _ if key.starts_with("x-") => Role::Note,
        _ => return None,
    })
}

/// A step from a schema to one inside it.
#[derive(Clone)]
struct Path<'a> {
    up: Option<&'a Path<'a>>,
    step: &'a str,
    index: Option<usize>,
}

impl Path<'_> {
    fn write(&self, out: &mut String) {
        if let Some(up) = self.up {
            up.write(out);
            out.push('/');
            out.push_str(&self.step.replace('~', "~0").replace('/', "~1"));
            if let Some(index) = self.index {
                out.push_str(&format!("/{index}"));
            }
        }
    }

    /// `failure` with the JSON pointer of the place in front.
    pub fn locate(&self, failure: Failure) -> Failure {
        let mut at = String::new();
        self.write(&mut at);
        let at: String = if at.is_empty() { "at the root".into() } else { format!("at {at}") };
        let at: String = at.chars().take(200).collect();
        Failure { status: failure.status, message: format!("{at}: {}", failure.message) }
    }
}

/// The schemas inside `schema`, in order, with the key and the place below it.
fn children(schema: &Map<String, Value>) -> Vec<(&str, Option<usize>, Option<&str>, &Value)> {
    let mut out = Vec::new();
    for (key, value) in schema {
        match (role(key), value) {
            (Some(Role::Schemas | Role::Items), Value::Array(list)) => {
                out.extend(list.iter().enumerate().map(|(i, item)| (key.as_str(), Some(i), None, item)));
            }
            (Some(Role::SchemaMap), Value::Object(map)) => {
                out.extend(map.iter().map(|(name, item)| (key.as_str(), None, Some(name.as_str()), item)));
            }
            (Some(Role::Schema | Role::Items), _) => out.push((key, None, None, value)),
            _ => {}
        }
    }
    out
}

struct Screen<'a> {
    root: &'a Value,
    graph: Graph,
    /// Node of each schema, by its address in the document.
    index: HashMap<*const Value, usize>,
    references: Vec<(usize, &'a Value)>,
    multiples: CommonMultiple,
}

impl<'a> Screen<'a> {
    fn visit(&mut self, schema: &'a Value, path: &Path) -> Result<usize> {
        let node = match schema {
            Value::Bool(allowed) => self.graph.add(if *allowed { Node::All(vec![]) } else { Node::Any(vec![]) }),
            Value::Object(object) => {
                let node = self.graph.add(Node::All(vec![]));
                self.index.insert(schema, node);
                let needs = self.visit_object(object, node, path)?;
                self.graph.nodes[node] = Node::All(needs);
                node
            }
            _ => return Err(path.locate(invalid("a schema is an object, true or false"))),
        };
        self.index.insert(schema, node);
        Ok(node)
    }

    fn visit_object(&mut self, schema: &'a Map<String, Value>, node: usize, path: &Path) -> Result<Vec<usize>> {
        for (key, value) in schema {
            check_shape(key, value, path.up.is_none()).map_err(|failure| path.locate(failure))?;
        }
        values::check(schema).map_err(|failure| path.locate(failure))?;
        if let Some(divisor) = schema.get("multipleOf") {
            self.multiples.add(divisor).map_err(|failure| path.locate(failure))?;
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = resolve(self.root, reference).ok_or_else(|| {
                path.locate(invalid(format!("$ref {reference:?} names nothing inside this schema")))
            })?;
            self.references.push((node, target));
        }
        let mut inside = HashMap::new();
        for (key, index, name, value) in children(schema) {
            let up = Path { up: Some(path), step: key, index };
            let below = name.map_or(up.clone(), |name| Path { up: Some(&up), step: name, index: None });
            inside.insert((key, index, name), self.visit(value, &below)?);
        }
        Ok(self.needs(schema, &inside))
    }

    /// The nodes without which no finite value satisfies `schema`.
    fn needs(
        &mut self,
        schema: &Map<String, Value>,
        inside: &HashMap<(&str, Option<usize>, Option<&str>), usize>,
    ) -> Vec<usize> {
        let under = |key: &str| -> Vec<usize> {
            inside.iter().filter(|(place, _)| place.0 == key).map(|(_, node)| *node).collect()
        };
        let mut needs = under("allOf");
        for key in ["anyOf", "oneOf"].into_iter().filter(|key| schema.contains_key(*key)) {
            needs.push(self.graph.add(Node::Any(under(key))));
        }
        let scalar = types(schema).is_none_or(|names| names.iter().any(|name| !["object", "array"].contains(name)));
        if !scalar {
            let mut shapes = Vec::new();
            let has = |name: &str| types(schema).is_some_and(|names| names.contains(&name));
            if has("object") {
                let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
                let names = required.filter_map(Value::as_str);
                let properties = names.filter_map(|name| inside.get(&("properties", None, Some(name)))).copied();
                let properties = properties.collect();
                shapes.push(self.graph.add(Node::All(properties)));
            }
            if has("array") {
                let items = first_items(schema, inside);
                shapes.push(self.graph.add(Node::All(items)));
            }
            needs.push(self.graph.add(Node::Any(shapes)));
        }
        needs
    }
}

/// Nodes of the items that every array of `schema` has.
fn first_items(schema: &Map<String, Value>, inside: &HashMap<(&str, Option<usize>, Option<&str>), usize>) -> Vec<usize> {
    let count = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0) as usize;
    let place = |index| inside.get(&("prefixItems", Some(index), None)).or(inside.get(&("items", Some(index), None)));
    let mut nodes: Vec<usize> = (0..count.min(MAX_NODES)).map_while(place).copied().collect();
    if nodes.len() < count {
        nodes.extend(inside.get(&("items", None, None)));
    }
    nodes
}

fn check_shape(key: &str, value: &Value, at_root: bool) -> Result<()> {
    if matches!(key, "$schema" | "$id" | "id") {
        return values::check_identity(key, value, at_root);
    }
    let wanted = match role(key) {
        None => {
            let hint = if key == "x-guidance" { "" } else { "; a note of your own begins with x-" };
            return Err(unsupported(format!("keyword {key:?} cannot be enforced{hint}")));
        }
        Some(Role::Schemas) if !value.is_array() => "an array of schemas",
        Some(Role::SchemaMap) if !value.is_object() => "an object of schemas",
        Some(_) => return Ok(()),
    };
    Err(invalid(format!("{key} is {wanted}")))
}

fn measure(value: &Value, depth: usize, nodes: &mut usize) -> Result<()> {
    *nodes += 1;
    if *nodes > MAX_NODES {
        return Err(exhausted(format!("it has more than {MAX_NODES} values")));
    }
    if depth > MAX_DEPTH {
        return Err(exhausted(format!("it nests deeper than {MAX_DEPTH}")));
    }
    match value {
        Value::Array(list) => list.iter().try_for_each(|item| measure(item, depth + 1, nodes)),
        Value::Object(map) => map.values().try_for_each(|item| measure(item, depth + 1, nodes)),
        _ => Ok(()),
    }
}

/// Writes the schema anew, in what llguidance enforces.
struct Rewrite<'a> {
    root: &'a Value,
    impossible: HashSet<*const Value>,
}

impl Rewrite<'_> {
    fn schema(&self, schema: &Value) -> Value {
        match schema {
            Value::Object(object) if !self.impossible.contains(&std::ptr::from_ref(schema)) => self.object(object),
            Value::Bool(true) => Value::Bool(true),
            _ => Value::Bool(false),
        }
    }

    fn object(&self, schema: &Map<String, Value>) -> Value {
        let mut out = Map::new();
        let mut also = Vec::new();
        for (key, value) in schema {
            let Some(written) = self.value(key, value) else { continue };
            match (key.as_str(), value) {
                ("format", Value::String(name)) => match values::format_pattern(name) {
                    Some(pattern) => also.push(json!({"type": types_or_all(schema), "pattern": pattern})),
                    None => drop(out.insert(key.clone(), written)),
                },
                ("oneOf", Value::Array(list)) if self.exclude_each_other(list, schema) => {
                    also.push(json!({"anyOf": written}));
                }
                _ => drop(out.insert(key.clone(), written)),
            }
        }
        values::bound_numbers(&mut out);
        values::bound_format(&mut out);
        if !also.is_empty() {
            let all = out.entry("allOf").or_insert_with(|| json!([]));
            all.as_array_mut().into_iter().for_each(|list| list.append(&mut also));
        }
        Value::Object(out)
    }

    /// The value of one keyword; none for a note.
    fn value(&self, key: &str, value: &Value) -> Option<Value> {
        Some(match (role(key)?, value) {
            (Role::Schemas | Role::Items, Value::Array(list)) => {
                Value::Array(list.iter().map(|item| self.schema(item)).collect())
            }
            (Role::SchemaMap, Value::Object(map)) => {
                let name_of = |name: &str| if key == "patternProperties" { ecma(name) } else { name.to_string() };
                Value::Object(map.iter().map(|(name, item)| (name_of(name), self.schema(item))).collect())
            }
            (Role::Schema | Role::Items, _) => self.schema(value),
            (Role::Plain, Value::String(text)) if key == "pattern" => Value::String(ecma(text)),
            (Role::Plain, _) if key != "uniqueItems" => value.clone(),
            _ => return None,
        })
    }

    /// Then "exactly one of" is "any of", which llguidance has.
    fn exclude_each_other(&self, list: &[Value], parent: &Map<String, Value>) -> bool {
        const MOST: usize = 64;
        let pairs = Pairs { root: self.root, objects_only: types(parent).is_some_and(|names| names == ["object"]) };
        list.len() <= MOST && list.iter().enumerate().all(|(i, a)| list[..i].iter().all(|b| pairs.disjoint(a, b, 0)))
    }
}

/// Checked before.
fn ecma(pattern: &str) -> String {
    schema_pattern::translate(pattern).unwrap_or_else(|_| pattern.to_string())
}

fn types_or_all(schema: &Map<String, Value>) -> Value {
    schema.get("type").cloned().unwrap_or_else(|| json!(["null", "boolean", "number", "string", "array", "object"]))
}

/// Blanks only where people put one: without a limit small models write them for ever. No \u escapes: llguidance does
/// not see that an escaped name is one that a schema has a rule for.
fn with_options(mut schema: Map<String, Value>) -> Value {
    schema.insert(
        "x-guidance".into(),
        json!({"whitespace_flexible": false, "item_separator": ", ?", "key_separator": ": ?",
               "json_allowed_escapes": "nrbtf\\\""}),
    );
    Value::Object(schema)
}

pub fn any_object() -> Value {
    with_options(json!({"type": "object"}).as_object().cloned().unwrap_or_default())
}

pub fn prepare(text: &str) -> Result<Value> {
    let value = serde_json::from_str(text).map_err(|e| match e.to_string() {
        text if text.contains("recursion limit") => exhausted(format!("it nests deeper than {MAX_DEPTH}")),
        text => invalid(format!("it is not JSON: {text}")),
    })?;
    prepare_value(value)
}

/// Throws what `schema` may not contain; the result goes to llguidance.
pub fn prepare_value(root: Value) -> Result<Value> {
    measure(&root, 0, &mut 0)?;
    let mut screen = Screen {
        root: &root,
        graph: Graph::default(),
        index: HashMap::new(),
        references: Vec::new(),
        multiples: CommonMultiple::new(),
    };
    let top = Path { up: None, step: "", index: None };
    let root_node = screen.visit(&root, &top)?;
    for (node, target) in std::mem::take(&mut screen.references) {
        let target = screen.index.get(&std::ptr::from_ref(target));
        let target = *target.ok_or_else(|| invalid("a $ref names something that is no schema"))?;
        if let Node::All(needs) = &mut screen.graph.nodes[node] {
            needs.push(target);
        }
    }
    let holds = screen.graph.holds();
    if !holds[root_node] {
        return Err(invalid("no value satisfies it: it allows nothing, or needs itself without an end"));
    }
    let impossible = screen.index.iter().filter(|(_, node)| !holds[**node]).map(|(schema, _)| *schema).collect();
    match (Rewrite { root: &root, impossible }).schema(&root) {
        Value::Object(schema) => Ok(with_options(schema)),
        _ => Ok(with_options(Map::new())),
    }
}
