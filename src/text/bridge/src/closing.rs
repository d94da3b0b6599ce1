//! A short end of an answer in JSON, for when its tokens run out. Not the shortest: at each place the first token that
//! the grammar allows in an order that ends strings, lists and objects as soon as they may end.

use llguidance::toktrie::{TokTrie, TokenId, INVALID_TOKEN};
use llguidance::Matcher;

use crate::failure::{invalid, Result};

/// Where in a JSON text its next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub in_string: bool,
    escaped: bool,
}

impl Place {
    pub fn after(mut self, bytes: &[u8]) -> Place {
        for byte in bytes {
            match (self.in_string, self.escaped, byte) {
                (true, true, _) => self.escaped = false,
                (true, false, b'\\') => self.escaped = true,
                (true, false, b'"') => self.in_string = false,
                (false, _, b'"') => self.in_string = true,
                _ => {}
            }
        }
        self
    }
}

/// Of tokens that serve alike the longest come first, but of those beyond this the most common: odd words are long.
const COMMON_LENGTH: usize = 8;

/// All tokens, those that end most first. In a string that must go on, words and marks take turns: most formats are
/// words with marks between them.
pub struct Order {
    word: Vec<TokenId>,
    mark: Vec<TokenId>,
    between: Vec<TokenId>,
}

fn only(word: &[u8], bytes: &[u8]) -> bool {
    word.iter().all(|byte| bytes.contains(byte))
}

/// The end of the string and what encloses it; then what fills a string that must be longer; blanks and escapes last.
fn rank_word(word: &[u8]) -> u32 {
    match word {
        [b'"', rest @ ..] if only(rest, b"}]:") => 0,
        _ if word.iter().all(u8::is_ascii_alphanumeric) => 1,
        b"@" => 2,
        b":" => 3,
        b"." | b"-" | b"/" => 4,
        _ if word.contains(&b'"') || word.contains(&b'\\') => 7,
        _ if word.iter().all(u8::is_ascii_graphic) => 5,
        _ => 6,
    }
}

/// A single letter is a mark too, as in a duration.
fn rank_mark(word: &[u8]) -> u32 {
    match rank_word(word) {
        1 if word.len() == 1 && word[0].is_ascii_alphabetic() => 4,
        1 => 5,
        rank => rank,
    }
}

/// What closes; then the shortest values; then what begins one; a comma, and blanks, where nothing else is left.
fn rank_between(word: &[u8]) -> u32 {
    match word {
        _ if only(word, b"}]") => 0,
        b"\"\"" | b"0" | b"[]" | b"{}" => 1,
        b"null" | b"true" | b"false" | b"1" => 2,
        b"\"" => 3,
        _ if only(word, b"[{:\"") => 4,
        _ if word.iter().any(u8::is_ascii_whitespace) => 7,
        _ if word.contains(&b',') => 6,
        _ => 5,
    }
}

impl Order {
    pub fn new(trie: &TokTrie) -> Order {
        let words: Vec<TokenId> = (0..trie.vocab_size() as TokenId).filter(|id| !trie.token(*id).is_empty()).collect();
        let sorted = |rank: fn(&[u8]) -> u32| {
            let mut ids = words.clone();
            ids.sort_by_cached_key(|id| (rank(trie.token(*id)), usize::MAX - trie.token(*id).len().min(COMMON_LENGTH)));
            ids
        };
        Order { word: sorted(rank_word), mark: sorted(rank_mark), between: sorted(rank_between) }
    }

    /// The tokens to try in this order, the `turn`-th of an end.
    fn ids(&self, place: Place, turn: usize) -> &[TokenId] {
        match (place.in_string, turn % 2) {
            (true, 0) => &self.word,
            (true, _) => &self.mark,
            _ => &self.between,
        }
    }
}

/// Candidates that are tried one by one before a whole mask is asked for, which takes as long as a hundred of them.
const TRIED: usize = 32;
/// Tokens of an end after which a mask is asked for all the same: only with one does the lexer get new fuel.
const FUELLED: usize = 16;
/// So many tokens of an end may be contained in one of the model's.
const CONTAINED: usize = 4;

/// What ends are made of.
pub struct Parts<'a> {
    pub trie: &'a TokTrie,
    pub order: &'a Order,
    /// Tokens that may not be the answer's first.
    pub never_first: &'a [TokenId],
}

/// An end to look for: of at most `most` tokens, behind the token `first` if there is one. `known` completed the
/// answer without it; nothing else is looked for where `only_known`.
pub struct Wanted<'a> {
    pub first: Option<TokenId>,
    pub known: &'a [TokenId],
    pub only_known: bool,
    pub most: usize,
}

/// Looks beside an answer. What its lexer learns stays from search to search, and neither that nor a failure reaches
/// the answer's own matcher.
pub struct Ahead {
    matcher: Matcher,
    place: Place,
    consumed: usize,
}

impl Ahead {
    /// Where `matcher` is after `consumed` tokens.
    pub fn new(matcher: &Matcher, place: Place, consumed: usize) -> Ahead {
        Ahead { matcher: matcher.deep_clone(), place, consumed }
    }

    /// Goes on to where the answer is after all its `tokens`.
    pub fn follow(&mut self, trie: &TokTrie, tokens: &[TokenId]) -> Result<()> {
        for id in &tokens[self.consumed..] {
            self.consume(trie, *id)?;
        }
        Ok(())
    }

    fn consume(&mut self, trie: &TokTrie, id: TokenId) -> Result<()> {
        self.matcher.consume_token(id).map_err(invalid)?;
        self.place = self.place.after(trie.token(id));
        self.consumed += 1;
        Ok(())
    }

    /// None where the order finds no such end, or the first token may not come.
    pub fn closing(&mut self, parts: &Parts, wanted: &Wanted) -> Result<Option<Vec<TokenId>>> {
        if let Some(first) = wanted.first {
            if let Some(kept) = self.kept(parts.trie, first, wanted)? {
                return Ok(Some(kept));
            }
            if wanted.only_known || !self.allows(&[first])? {
                return Ok(None);
            }
        }
        let (matcher, place, consumed) = (self.matcher.clone(), self.place, self.consumed);
        let mut end = Ahead { matcher, place, consumed };
        if let Some(first) = wanted.first {
            end.consume(parts.trie, first)?;
        }
        end.walk(parts, wanted.most)
    }

    fn allows(&mut self, ids: &[TokenId]) -> Result<bool> {
        Ok(self.matcher.validate_tokens(ids).map_err(invalid)? == ids.len())
    }

    /// What of the known end still completes the answer: without what `first` has of it, or all where `first` came
    /// between.
    fn kept(&mut self, trie: &TokTrie, first: TokenId, wanted: &Wanted) -> Result<Option<Vec<TokenId>>> {
        let (known, end) = (wanted.known, trie.eos_token());
        if known.is_empty() || end == INVALID_TOKEN {
            return Ok(None);
        }
        // An end that was begun has no room for more: only a token in place of its next one fits.
        let most_skipped = if wanted.only_known { 1 } else { CONTAINED.min(known.len()) };
        for skipped in [1, 0].into_iter().chain(2..=most_skipped) {
            let rest = &known[skipped..];
            let ids = [&[first], rest, &[end]].concat();
            if rest.len() <= wanted.most && self.allows(&ids)? {
                return Ok(Some(rest.to_vec()));
            }
        }
        Ok(None)
    }

    /// The tokens of an end from here; the matcher is at the end then.
    fn walk(&mut self, parts: &Parts, most: usize) -> Result<Option<Vec<TokenId>>> {
        let mut ids = Vec::new();
        while !self.matcher.is_stopped() && !self.matcher.is_accepting().map_err(invalid)? {
            let mut next = self.matcher.compute_ff_tokens();
            if next.is_empty() {
                match self.first_allowed(parts, ids.len())? {
                    Some(id) => next.push(id),
                    None => return Ok(None),
                }
            }
            if ids.len() + next.len() > most {
                return Ok(None);
            }
            for id in next {
                self.consume(parts.trie, id)?;
                ids.push(id);
            }
        }
        Ok(Some(ids))
    }

    /// The first token of the order that may come next, the `turn`-th of an end.
    fn first_allowed(&mut self, parts: &Parts, turn: usize) -> Result<Option<TokenId>> {
        let barred: &[TokenId] = if self.consumed == 0 { parts.never_first } else { &[] };
        let ids = parts.order.ids(self.place, turn);
        if turn % FUELLED != FUELLED - 1 {
            for id in ids.iter().take(TRIED).filter(|id| !barred.contains(id)) {
                if self.allows(&[*id])? {
                    return Ok(Some(*id));
                }
            }
        }
        let mask = self.matcher.compute_mask().map_err(invalid)?;
        Ok(ids.iter().copied().find(|id| mask.is_allowed(*id) && !barred.contains(id)))
    }
}
