//! A short end of an answer in JSON, for when its tokens run out. Not the shortest: at each place the first token that
//! the grammar allows in an order that ends strings, lists and objects as soon as they may end.

use llguidance::toktrie::{TokTrie, TokenId};

use crate::failure::Result;
use crate::grammar::Matcher;

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

    fn first(&self, place: Place, turn: usize, allowed: &[u32]) -> Option<TokenId> {
        let ids = match (place.in_string, turn % 2) {
            (true, 0) => &self.word,
            (true, _) => &self.mark,
            _ => &self.between,
        };
        ids.iter().copied().find(|id| allowed.get(*id as usize / 32).is_some_and(|word| word >> (id % 32) & 1 == 1))
    }
}

/// At most `most` tokens that complete the text of `matcher`; none where this order finds no such end.
pub fn closing(matcher: &mut Matcher, order: &Order, most: usize) -> Result<Option<Vec<TokenId>>> {
    let mut ids = Vec::new();
    let mut allowed = vec![0; matcher.mask_words()];
    while !matcher.is_accepting()? {
        if ids.len() == most {
            return Ok(None);
        }
        matcher.mask(&mut allowed)?;
        let Some(id) = order.first(matcher.place(), ids.len(), &allowed) else { return Ok(None) };
        matcher.consume(id)?;
        ids.push(id);
    }
    Ok(Some(ids))
}
