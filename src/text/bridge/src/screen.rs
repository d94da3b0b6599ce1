//! A look at a template's tokens before it is parsed: the parser recurses along operators and computes constant
//! expressions itself, both without a limit.

use minijinja::machinery::{tokenize, Token};
use minijinja::syntax::SyntaxConfig;

use crate::failure::{corrupt, exhausted, Result};

/// Stack of the thread that parses and renders (and compiles grammars); enough for the limits below.
pub const STACK_BYTES: usize = 128 << 20;
const MAX_TAGS: usize = 20_000;
const MAX_TOKENS_IN_TAG: usize = 10_000;
/// Bytes and items that products of literals may come to, in the whole template.
const MAX_CONSTANT_SIZE: usize = 8 << 20;

#[derive(Default)]
struct Tag {
    tokens: usize,
    text_bytes: usize,
    has_product: bool,
    has_power: bool,
    product: usize,
}

impl Tag {
    fn add(&mut self, token: &Token) {
        self.tokens += 1;
        match token {
            Token::Str(text) => self.text_bytes += text.len(),
            Token::String(text) => self.text_bytes += text.len(),
            Token::Int(value) => self.multiply(usize::try_from(*value).unwrap_or(usize::MAX)),
            Token::Int128(_) => self.multiply(usize::MAX),
            Token::Mul => self.has_product = true,
            Token::Pow => self.has_power = true,
            _ => {}
        }
    }

    fn multiply(&mut self, factor: usize) {
        self.product = self.product.max(1).saturating_mul(factor.max(1));
    }

    /// What its constants may come to at most; text or lists, times all its numbers.
    fn constant_size(&self) -> usize {
        match (self.has_product, self.has_power) {
            (false, _) => self.text_bytes,
            (true, true) if self.product > 1 => usize::MAX,
            (true, _) => self.product.saturating_mul(self.text_bytes.max(1)),
        }
    }
}

pub fn screen(source: &str, syntax: SyntaxConfig) -> Result<()> {
    let mut tag = Tag::default();
    let mut tags = 0;
    let mut constants: usize = 0;
    for token in tokenize(source, false, syntax) {
        let (token, _) = token.map_err(|e| corrupt(crate::template::message(&e)))?;
        tag.add(&token);
        if tag.tokens > MAX_TOKENS_IN_TAG {
            return Err(exhausted("the template has too long an expression"));
        }
        if matches!(token, Token::BlockEnd | Token::VariableEnd) {
            tags += 1;
            constants = constants.saturating_add(tag.constant_size());
            tag = Tag::default();
        }
    }
    if tags > MAX_TAGS {
        return Err(exhausted("the template has too many tags"));
    }
    if constants > MAX_CONSTANT_SIZE {
        return Err(exhausted("the template's constants are too large"));
    }
    Ok(())
}

/// Runs `work` on a thread with a stack of known size, whatever the caller's is.
pub fn with_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = builder.spawn_scoped(scope, || crate::abi::guarded(crate::failure::Status::InvalidArgument, work));
        let thread = thread.map_err(|e| exhausted(format!("no thread: {e}")))?;
        thread.join().unwrap_or_else(|_| Err(corrupt("a worker thread failed")))
    })
}
