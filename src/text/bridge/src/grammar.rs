//! Grammars that an answer must follow, by llguidance: a tokenizer's vocabulary as bytes, a compiled grammar, and a
//! matcher that says token by token what may come next.

use std::sync::{Arc, OnceLock};

use llguidance::api::{GrammarInit, ParserLimits, TopLevelGrammar};
use llguidance::toktrie::{InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv, INVALID_TOKEN};
use llguidance::{Logger, ParserFactory};
use serde_json::Value;

use crate::closing::{Ahead, Order, Parts, Place, Wanted};
use crate::failure::{exhausted, invalid, unsupported, Failure, Result, Status};
use crate::schema;
use crate::screen::with_stack;
use crate::token_bytes::TokenBytes;
use crate::tokenizer::Tokenizer;

/// Of a pattern and a Lark grammar the limits are lower: each of their bytes costs llguidance some hundred.
const MAX_SCHEMA_BYTES: usize = 1 << 20;
const MAX_LARK_BYTES: usize = 256 << 10;
pub const MAX_PATTERN_BYTES: usize = 64 << 10;
/// The parsers of regular expressions and of Lark recurse along brackets.
const MAX_BRACKETS: usize = 256;

/// Below llguidance's own limits where those allow seconds or hundreds of megabytes. Large published schemas need half a
/// million units of lexer fuel (a unit is up to a microsecond), patterns and Lark grammars hardly any.
fn limits(kind: Kind) -> ParserLimits {
    let all = ParserLimits { max_lexer_states: 50_000, verbose_errors: false, ..ParserLimits::default() };
    match kind {
        Kind::JsonSchema | Kind::Json => all,
        Kind::Regex | Kind::Lark => ParserLimits { initial_lexer_fuel: 300_000, ..all },
    }
}

/// Kinds of tokens that are allowed or not as one inside strings. Each costs some 10 ms at a model's first grammar, for
/// 50,000 tokens; llguidance's own list has two more, which make 200 schemas no faster.
const SLICES: [&str; 2] = [r#"[^"\\\x00-\x1F\x7F]{1,10}"#, r#"[^"\\\x00-\x1F\x7F]+"#];

struct Environment {
    trie: TokTrie,
    tokenizer: Arc<Tokenizer>,
    canonical: bool,
}

impl Environment {
    /// The tokenizer's own tokens for `text`, if their bytes are those of `text` (some tokenizers add a blank).
    fn encode(&self, text: &str) -> Option<Vec<TokenId>> {
        let ids = self.tokenizer.encode(text, false).ok()?;
        (self.trie.decode_raw(&ids) == text.as_bytes()).then_some(ids)
    }
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        let encode = |text: &str| self.encode(text).unwrap_or_else(|| self.trie.greedy_tokenize(text.as_bytes()));
        self.trie.tokenize_with_greedy_fallback(bytes, encode)
    }

    /// Whether text that the grammar leaves no choice about is put into the tokens the model knows it by.
    fn tokenize_is_canonical(&self) -> bool {
        self.canonical
    }
}

pub struct Vocabulary {
    factory: ParserFactory,
    /// Tokens that cannot come first, where the decoder drops a blank in front of the text.
    never_first: Vec<TokenId>,
    /// For ends of answers in JSON; made when the first is asked for.
    closing_order: OnceLock<Order>,
}

impl Vocabulary {
    pub fn new(tokenizer: &Arc<Tokenizer>, ends: &[u32]) -> Result<Vocabulary> {
        let ends: Vec<u32> = ends.iter().copied().filter(|id| *id < tokenizer.id_limit()).collect();
        let bytes = TokenBytes::new(tokenizer, &ends)?;
        let never_first = match bytes.strips_start {
            true => (0..).zip(&bytes.words).filter(|(_, word)| word.starts_with(b" ")).map(|(id, _)| id).collect(),
            false => Vec::new(),
        };
        let info = TokRxInfo::new(tokenizer.id_limit(), INVALID_TOKEN);
        let trie = TokTrie::from(&info, &bytes.words);
        let trie = if ends.is_empty() { trie } else { trie.with_eos_tokens(&ends) };
        let mut environment = Environment { trie, tokenizer: Arc::clone(tokenizer), canonical: false };
        environment.canonical = environment.encode("{\"a b\": [1]}\n").is_some();
        let environment: TokEnv = Arc::new(environment);
        let slices = SLICES.map(str::to_string);
        let factory = ParserFactory::new(&environment, InferenceCapabilities::default(), &slices);
        let mut factory = factory.map_err(|e| unsupported(format!("the tokenizer's vocabulary: {e:#}")))?;
        factory.quiet();
        Ok(Vocabulary { factory, never_first, closing_order: OnceLock::new() })
    }

    fn trie(&self) -> &TokTrie {
        self.factory.tok_env().tok_trie()
    }
}

/// What a grammar is written in; the numbers are those of bridge.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    JsonSchema,
    Json,
    Regex,
    Lark,
}

impl Kind {
    pub fn from_number(number: i32) -> Result<Kind> {
        [Kind::JsonSchema, Kind::Json, Kind::Regex, Kind::Lark]
            .into_iter()
            .find(|kind| *kind as i32 == number)
            .ok_or_else(|| invalid(format!("{number} is no kind of grammar")))
    }

    fn max_bytes(self) -> usize {
        match self {
            Kind::Regex => MAX_PATTERN_BYTES,
            Kind::Lark => MAX_LARK_BYTES,
            _ => MAX_SCHEMA_BYTES,
        }
    }
}

/// A compiled grammar, from which matchers are made. The first mask was computed: what is wrong shows before an answer
/// begins, and every matcher starts with what the lexer learned.
pub struct Grammar {
    vocabulary: Arc<Vocabulary>,
    start: llguidance::Matcher,
    is_json: bool,
}

impl Grammar {
    pub fn new(vocabulary: &Arc<Vocabulary>, kind: Kind, text: &str) -> Result<Grammar> {
        let most = kind.max_bytes();
        if text.len() > most {
            return Err(exhausted(format!("it has {} bytes, more than {most}", text.len())));
        }
        let start = with_stack(|| {
            let init = GrammarInit::Serialized(top_level(kind, text)?);
            let (log, capabilities) = (Logger::new(0, 0), InferenceCapabilities::default());
            let parser = vocabulary.factory.create_parser_from_init_ext(init, log, capabilities, limits(kind));
            let parser = parser.map_err(|e| failure(&format!("{e:#}")))?;
            let mut start = llguidance::Matcher::new(Ok(parser));
            start.compute_mask_or_eos().map_err(|e| match e.to_string() {
                text if text.contains(NO_TOKEN) => invalid("no text satisfies it"),
                text => failure(&text),
            })?;
            Ok(start)
        });
        let start = if kind == Kind::Regex { start.map_err(pattern_failure) } else { start }?;
        let is_json = matches!(kind, Kind::JsonSchema | Kind::Json);
        Ok(Grammar { vocabulary: Arc::clone(vocabulary), start, is_json })
    }
}

fn top_level(kind: Kind, text: &str) -> Result<TopLevelGrammar> {
    match kind {
        Kind::JsonSchema => Ok(TopLevelGrammar::from_json_schema(schema::prepare(text)?)),
        Kind::Json => Ok(TopLevelGrammar::from_json_schema(schema::any_object())),
        Kind::Regex => {
            check_brackets(text)?;
            Ok(TopLevelGrammar::from_regex(text))
        }
        Kind::Lark => {
            check_brackets(text)?;
            Ok(TopLevelGrammar::from_lark(with_prepared_schemas(text)?))
        }
    }
}

/// Counts brackets wherever they stand, in strings too: a bound, not a parse.
fn check_brackets(text: &str) -> Result<()> {
    let mut depth: usize = 0;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_BRACKETS {
            return Err(exhausted(format!("its brackets nest deeper than {MAX_BRACKETS}")));
        }
    }
    Ok(())
}

/// `%json {..}` inside a Lark grammar is held to the rules of a schema of its own.
fn with_prepared_schemas(text: &str) -> Result<String> {
    const WORD: &str = "%json";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(WORD) {
        let (before, after) = rest.split_at(at + WORD.len());
        out.push_str(before);
        rest = after;
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
        if let Some(Ok(value)) = values.next() {
            out.push_str(&format!(" {}", schema::prepare_value(value)?));
            rest = &after[values.byte_offset()..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// llguidance's words, without the parts meant for its own developers.
fn reason(text: &str) -> &str {
    let end = ["\n<non-verbose/>", "\n<backtrace>", "\n<state>"].iter().filter_map(|mark| text.find(mark)).min();
    let text = text[..end.unwrap_or(text.len())].trim();
    text.char_indices().nth(400).map_or(text, |(at, _)| &text[..at])
}

/// Of a pattern, without the line of Lark that llguidance puts around it.
fn pattern_failure(error: Failure) -> Failure {
    let text = &error.message;
    let text = text.find("regex parse error").map_or(text.as_str(), |at| &text[at..]);
    let text = text.find("\n   1 |").map_or(text, |end| &text[..end]);
    Failure { status: error.status, message: text.trim_end().to_string() }
}

/// How llguidance says that a mask is empty.
const NO_TOKEN: &str = "NoExtensionBias";

/// llguidance has texts, not kinds of errors.
fn failure(text: &str) -> Failure {
    const TOO_LARGE: [&str; 10] = [
        "too large", "too complex", "too big", "too deeply", "oo many", "limit", "exceed", "fuel", "etermine if",
        "ax is",
    ];
    const UNSUPPORTED: [&str; 6] =
        ["not supported", "nimplemented", "nknown format", "not implemented", "only supported", "panic:"];
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["oneOf constraints"]) {
        return unsupported("oneOf whose members are not seen to exclude each other cannot be enforced; write anyOf");
    }
    let status = match () {
        () if has(&["Unsatisfiable schema"]) => Status::InvalidArgument,
        () if has(&TOO_LARGE) => Status::ResourceExhausted,
        () if has(&UNSUPPORTED) => Status::Unsupported,
        () => Status::InvalidArgument,
    };
    Failure { status, message: reason(text).to_string() }
}

fn forbid(mask: &mut [u32], id: TokenId) {
    if let Some(word) = mask.get_mut(id as usize / 32) {
        *word &= !(1 << (id % 32));
    }
}

/// The state of one answer. After an error it stays in that error.
pub struct Matcher {
    vocabulary: Arc<Vocabulary>,
    matcher: llguidance::Matcher,
    is_json: bool,
    tokens: Vec<TokenId>,
    /// In an answer that is JSON.
    place: Place,
    ahead: Option<Ahead>,
}

impl Matcher {
    pub fn new(grammar: &Grammar) -> Matcher {
        Matcher {
            vocabulary: Arc::clone(&grammar.vocabulary),
            matcher: grammar.start.deep_clone(),
            is_json: grammar.is_json,
            tokens: Vec::new(),
            place: Place::default(),
            ahead: None,
        }
    }

    /// Tokens that complete an answer in JSON. None where no such end is found, and for other grammars.
    pub fn closing(&mut self, wanted: &Wanted) -> Option<Vec<TokenId>> {
        if !self.is_json {
            return None;
        }
        const TRIES: usize = 2; // a look ahead that ran out of its lexer's fuel is begun anew
        (0..TRIES).find_map(|_| self.look_ahead(wanted).ok()).flatten()
    }

    fn look_ahead(&mut self, wanted: &Wanted) -> Result<Option<Vec<TokenId>>> {
        let vocabulary = Arc::clone(&self.vocabulary);
        let trie = vocabulary.trie();
        let order = vocabulary.closing_order.get_or_init(|| Order::new(trie));
        let parts = Parts { trie, order, never_first: &vocabulary.never_first };
        let ahead = self.ahead.take();
        let mut ahead = ahead.unwrap_or_else(|| Ahead::new(&self.matcher, self.place, self.tokens.len()));
        ahead.follow(trie, &self.tokens)?;
        let found = ahead.closing(&parts, wanted)?;
        self.ahead = Some(ahead);
        Ok(found)
    }

    fn failure(&self, error: impl std::fmt::Display) -> Failure {
        let text = error.to_string();
        if text.contains(NO_TOKEN) {
            return unsupported("the tokenizer has no token for what the grammar needs next");
        }
        let failure = failure(&text);
        Failure { message: format!("after {} tokens: {}", self.tokens.len(), failure.message), ..failure }
    }

    /// One bit for each token that may come next, lowest first; ids above the vocabulary stay 0. When the text is
    /// complete these are the tokens that end an answer.
    pub fn mask(&mut self, out: &mut [u32]) -> Result<()> {
        let mask = self.matcher.compute_mask_or_eos().map_err(|e| self.failure(e))?;
        let words = mask.as_slice();
        let count = words.len().min(out.len());
        out.fill(0);
        out[..count].copy_from_slice(&words[..count]);
        if self.tokens.is_empty() {
            for id in &self.vocabulary.never_first {
                forbid(out, *id);
            }
        }
        if self.is_json { Ok(()) } else { self.forbid_early_ends(out) }
    }

    /// A Lark grammar can name a token that ends answers. It may come only where the text is complete with it.
    fn forbid_early_ends(&mut self, out: &mut [u32]) -> Result<()> {
        let is_set = |id: &TokenId| out.get(*id as usize / 32).is_some_and(|word| word >> (id % 32) & 1 == 1);
        let named: Vec<TokenId> = self.vocabulary.trie().eos_tokens().iter().copied().filter(is_set).collect();
        if named.is_empty() || self.is_stopped() || self.is_accepting()? {
            return Ok(());
        }
        for id in named {
            let mut after = self.matcher.clone();
            if after.consume_token(id).is_err() || !(after.is_stopped() || after.is_accepting().unwrap_or(false)) {
                forbid(out, id);
            }
        }
        Ok(())
    }

    pub fn consume(&mut self, id: u32) -> Result<()> {
        self.matcher.consume_token(id).map_err(|e| self.failure(e))?;
        self.place = self.place.after(self.vocabulary.trie().token(id));
        self.tokens.push(id);
        Ok(())
    }

    /// Tokens that must come next in this order, as far as that is known; often none. None from where the mask has to
    /// say whether the answer may begin or end so.
    pub fn forced(&mut self) -> Vec<u32> {
        let mut ids = if self.is_stopped() { Vec::new() } else { self.matcher.compute_ff_tokens() };
        let ends = self.vocabulary.trie().eos_tokens();
        ids.truncate(ids.iter().position(|id| ends.contains(id)).unwrap_or(ids.len()));
        let barred = |id| self.tokens.is_empty() && self.vocabulary.never_first.contains(id);
        if ids.first().is_some_and(barred) { Vec::new() } else { ids }
    }

    pub fn is_accepting(&mut self) -> Result<bool> {
        self.matcher.is_accepting().map_err(|e| self.failure(e))
    }

    /// Complete, and nothing can follow.
    pub fn is_stopped(&self) -> bool {
        self.matcher.is_stopped()
    }
}
