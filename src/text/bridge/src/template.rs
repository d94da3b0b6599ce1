//! A chat template, rendered as jinja2 does in transformers, within a budget.

use minijinja::machinery::{eval, make_string_output, parse, CodeGenerator};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, Value};

use crate::budget;
use crate::builtins;
use crate::failure::{corrupt, exhausted, invalid, Failure, Result};
use crate::guards;
use crate::screen::{screen, with_stack};

pub struct Template {
    environment: Environment<'static>,
    source: String,
}

fn syntax() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true);
    builder.build().unwrap_or_default()
}

pub fn message(error: &Error) -> String {
    if let Some(text) = builtins::raised(error) {
        return text;
    }
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    let mut text = format!("{line}{}", error.kind());
    if let Some(detail) = error.detail() {
        text = format!("{text}: {detail}");
    }
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

fn failed(error: &Error) -> Failure {
    invalid(message(error))
}

impl Template {
    /// Checks the syntax. Compiling again for each rendering costs less than keeping a self-reference.
    pub fn new(source: &str) -> Result<Template> {
        if source.len() > budget::MAX_SOURCE_BYTES {
            return Err(exhausted(format!("the template is longer than {} bytes", budget::MAX_SOURCE_BYTES)));
        }
        let source = scope_generation_tags(source);
        screen(&source, syntax())?;
        with_stack(|| parse(&source, "chat_template", syntax()).map(drop).map_err(|e| corrupt(message(&e))))?;
        Ok(Template { environment: builtins::environment(), source })
    }

    pub fn render(&self, context: &[u8]) -> Result<String> {
        with_stack(|| self.render_here(context))
    }

    fn render_here(&self, context: &[u8]) -> Result<String> {
        let context: serde_json::Value = serde_json::from_slice(context).map_err(invalid)?;
        let tree = parse(&self.source, "chat_template", syntax()).map_err(|e| corrupt(message(&e)))?;
        let mut generator = CodeGenerator::new("chat_template", &self.source);
        generator.compile_stmt(&tree);
        let (instructions, blocks) = generator.finish();
        let instructions = guards::guard(&instructions);
        let blocks = blocks.iter().map(|(name, block)| (*name, guards::guard(block))).collect();
        builtins::open();
        let mut text = String::new();
        let root = Value::from(Serde(context));
        let mut output = make_string_output(&mut text);
        let result = eval(&self.environment, &instructions, root, &blocks, &mut output, AutoEscape::None);
        result.map(|_| ()).map_err(|e| failed(&e))?;
        if text.len() > budget::MAX_OUTPUT_BYTES {
            return Err(exhausted(format!("the template wrote more than {} bytes", budget::MAX_OUTPUT_BYTES)));
        }
        Ok(text)
    }
}

/// `{% generation %}` marks text for training masks; here it only opens a scope, as `{% with %}` does.
fn scope_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at + 2);
        out.push_str(before);
        let body = tag.trim_start_matches(['-', '+']).trim_start();
        let lead = tag.len() - body.len();
        out.push_str(&tag[..lead]);
        rest = body;
        for (word, replacement) in [("generation", "with"), ("endgeneration", "endwith")] {
            if let Some(after) = body.strip_prefix(word) {
                if after.trim_start().trim_start_matches(['-', '+']).starts_with("%}") {
                    out.push_str(replacement);
                    rest = after;
                }
            }
        }
    }
    out + rest
}
