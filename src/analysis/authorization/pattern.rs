//! How the values of a policy match: texts with a star in front or at the end, templates of paths, and names of peers in
//! which some parts are not known (semantics C.9, 4).

use crate::model::Match;

/// A value as most attributes take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern<'v> {
    /// `*`: whatever is there.
    Any,
    Exact(&'v str),
    Prefix(&'v str),
    Suffix(&'v str),
}

impl<'v> Pattern<'v> {
    /// The pattern of a value: a star counts in front, else at the end, and nowhere else.
    #[must_use]
    pub fn of(value: &'v str) -> Self {
        if value == "*" {
            Self::Any
        } else if let Some(suffix) = value.strip_prefix('*') {
            Self::Suffix(suffix)
        } else if let Some(prefix) = value.strip_suffix('*') {
            Self::Prefix(prefix)
        } else {
            Self::Exact(value)
        }
    }

    /// Whether a text matches. `*` wants some text.
    #[must_use]
    pub fn matches(self, text: &str) -> bool {
        match self {
            Self::Any => !text.is_empty(),
            Self::Exact(value) => text == value,
            Self::Prefix(value) => text.starts_with(value),
            Self::Suffix(value) => text.ends_with(value),
        }
    }

    /// Whether the value of a header matches; that of `*` may be empty.
    #[must_use]
    pub fn matches_header(self, text: &str) -> bool {
        self == Self::Any || self.matches(text)
    }

    /// Whether a host matches: letters are equal whatever their case.
    #[must_use]
    pub fn matches_host(self, text: &str) -> bool {
        let is =
            |part: Option<&[u8]>, value: &str| part.is_some_and(|part| part.eq_ignore_ascii_case(value.as_bytes()));
        let text = text.as_bytes();
        match self {
            Self::Any => true,
            Self::Exact(value) => is(Some(text), value),
            Self::Prefix(value) => is(text.get(..value.len()), value),
            Self::Suffix(value) => is(text.len().checked_sub(value.len()).and_then(|start| text.get(start..)), value),
        }
    }
}

/// A part of a text in which some parts are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    Char(char),
    /// At least one character, and none of them `/`.
    Hole,
}

/// The characters that a wildcard stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Anything,
    /// What a segment of a path may hold.
    Segment,
    /// Segments and what separates them.
    Segments,
}

impl Class {
    fn holds(self, c: char) -> bool {
        let of_segment = |c: char| c.is_ascii_alphanumeric() || "-._~%!$&'()+,;:@=".contains(c);
        match self {
            Self::Anything => true,
            Self::Segment => of_segment(c),
            Self::Segments => c == '/' || of_segment(c),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Token {
    Char(char),
    /// One character of a class.
    One(Class),
    /// Any number of characters of a class.
    Many(Class),
}

impl Token {
    fn takes(self, c: char) -> bool {
        match self {
            Self::Char(own) => own == c,
            Self::One(class) | Self::Many(class) => class.holds(c),
        }
    }
}

/// A sequence of characters and wildcards, as an automaton whose states are the positions in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Glob {
    tokens: Vec<Token>,
}

impl Glob {
    /// These characters next.
    pub fn text(mut self, text: &str) -> Self {
        self.tokens.extend(text.chars().map(Token::Char));
        self
    }

    /// Any characters next.
    pub fn any(mut self) -> Self {
        self.tokens.push(Token::Many(Class::Anything));
        self
    }

    /// At least one character next.
    pub fn some(mut self) -> Self {
        self.tokens.extend([Token::One(Class::Anything), Token::Many(Class::Anything)]);
        self
    }

    /// A text next in which each star stands for any characters.
    pub fn starred(self, text: &str) -> Self {
        text.chars().fold(self, |glob, c| if c == '*' { glob.any() } else { glob.text(c.encode_utf8(&mut [0; 4])) })
    }

    /// A template of a path: `{*}` is one segment, `{**}` any number of them.
    pub fn template(text: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("{**}") {
                tokens.push(Token::Many(Class::Segments));
                rest = after;
            } else if let Some(after) = rest.strip_prefix("{*}") {
                tokens.extend([Token::One(Class::Segment), Token::Many(Class::Segment)]);
                rest = after;
            } else {
                tokens.push(Token::Char(c));
                rest = &rest[c.len_utf8()..];
            }
        }
        Self { tokens }
    }

    /// Whether the whole text matches; unknown where that depends on the parts that are not known.
    pub fn matches(&self, text: &[Symbol]) -> Match {
        let Some((middle, text)) = without_ends(&self.tokens, text) else { return Match::No };
        if run(middle, text, through_every_hole) {
            Match::Yes
        } else if run(middle, text, through_some_hole) {
            Match::Unknown
        } else {
            Match::No
        }
    }
}

/// What is left between the plain characters at both ends, where these are the text's: most is told by that. None where
/// they differ.
fn without_ends<'g, 't>(mut tokens: &'g [Token], mut text: &'t [Symbol]) -> Option<(&'g [Token], &'t [Symbol])> {
    while let ([Token::Char(own), tokens_left @ ..], [Symbol::Char(other), text_left @ ..]) = (tokens, text) {
        (tokens, text) = (own == other).then_some((tokens_left, text_left))?;
    }
    while let ([tokens_left @ .., Token::Char(own)], [text_left @ .., Symbol::Char(other)]) = (tokens, text) {
        (tokens, text) = (own == other).then_some((tokens_left, text_left))?;
    }
    Some((tokens, text))
}

fn run(tokens: &[Token], text: &[Symbol], through: fn(&[Token], &[bool]) -> Vec<bool>) -> bool {
    let mut states = vec![false; tokens.len() + 1];
    let mut next = states.clone();
    states[0] = true;
    skip_empty(tokens, &mut states);
    for symbol in text {
        match symbol {
            Symbol::Char(c) => {
                step(tokens, &states, &mut next, |token| token.takes(*c));
                std::mem::swap(&mut states, &mut next);
            }
            Symbol::Hole => states = through(tokens, &states),
        }
    }
    states.last().copied().unwrap_or_default()
}

/// The states after one character.
fn step(tokens: &[Token], states: &[bool], next: &mut [bool], takes: impl Fn(Token) -> bool) {
    next.fill(false);
    for (index, token) in tokens.iter().enumerate() {
        if states[index] && takes(*token) {
            let stays = matches!(token, Token::Many(_));
            next[if stays { index } else { index + 1 }] = true;
        }
    }
    skip_empty(tokens, next);
}

/// A wildcard for any number of characters may stand for none.
fn skip_empty(tokens: &[Token], states: &mut [bool]) {
    for (index, token) in tokens.iter().enumerate() {
        if states[index] && matches!(token, Token::Many(_)) {
            states[index + 1] = true;
        }
    }
}

/// The states that some filling of a hole leads to.
fn through_some_hole(tokens: &[Token], states: &[bool]) -> Vec<bool> {
    let may = |token: Token| !matches!(token, Token::Char('/'));
    let (mut all, mut next) = (vec![false; states.len()], vec![false; states.len()]);
    step(tokens, states, &mut all, may);
    loop {
        step(tokens, &all, &mut next, may);
        let more: Vec<bool> = all.iter().zip(&next).map(|(one, other)| *one || *other).collect();
        if more == all {
            return all;
        }
        all = more;
    }
}

/// The states that every filling of a hole leads to: those in which a wildcard takes whatever follows.
fn through_every_hole(tokens: &[Token], states: &[bool]) -> Vec<bool> {
    let wild = |token: Token| matches!(token, Token::One(Class::Anything) | Token::Many(Class::Anything));
    let mut after_first = vec![false; states.len()];
    step(tokens, states, &mut after_first, wild);
    let stays = |(index, token): (usize, &Token)| after_first[index] && matches!(token, Token::Many(Class::Anything));
    let mut kept: Vec<bool> = tokens.iter().enumerate().map(stays).collect();
    kept.push(false);
    skip_empty(tokens, &mut kept);
    kept
}

/// A text of which everything is known.
pub(super) fn symbols(text: &str) -> Vec<Symbol> {
    text.chars().map(Symbol::Char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_holes(text: &str) -> Vec<Symbol> {
        text.chars().map(|c| if c == '?' { Symbol::Hole } else { Symbol::Char(c) }).collect()
    }

    #[test]
    fn a_star_counts_at_one_end() {
        assert_eq!(Pattern::of("*.org"), Pattern::Suffix(".org"));
        assert_eq!(Pattern::of("*a*"), Pattern::Suffix("a*"));
        assert!(Pattern::of("prefix.*").matches("prefix.org"));
        assert!(!Pattern::of("*").matches(""));
        assert!(Pattern::of("EXAMPLE.com").matches_host("example.COM"));
        assert!(!Pattern::of("example.com").matches_host("example.com:443"));
    }

    #[test]
    fn templates_know_segments() {
        let matches = |template: &str, path: &str| Glob::template(template).matches(&symbols(path));
        assert_eq!(matches("/a/{*}", "/a/b"), Match::Yes);
        assert_eq!(matches("/a/{*}", "/a/"), Match::No);
        assert_eq!(matches("/a/{*}", "/a/b/c"), Match::No);
        assert_eq!(matches("/a/{**}", "/a/b/c"), Match::Yes);
        assert_eq!(matches("/{**}/end", "/a/b/end"), Match::Yes);
    }

    #[test]
    fn what_is_not_known_decides_only_where_it_matters() {
        let namespace = |value: &str| Glob::default().any().text("/ns/").starred(value).text("/").any();
        let of = |value: &str, text: &str| namespace(value).matches(&with_holes(text));
        assert_eq!(of("team-x", "spiffe://?/ns/team-x/sa/?"), Match::Yes);
        assert_eq!(of("team-y", "spiffe://?/ns/team-x/sa/?"), Match::No);
        assert_eq!(of("team-*", "spiffe://?/ns/team-x/sa/?"), Match::Yes);
        let exact = Glob::default().text("spiffe://td/ns/x/sa/a");
        assert_eq!(exact.matches(&with_holes("spiffe://?/ns/x/sa/a")), Match::Unknown);
        assert_eq!(exact.matches(&with_holes("spiffe://?/ns/x/sa/b")), Match::No);
        let some = Glob::default().text("a").some();
        assert_eq!(some.matches(&with_holes("a?")), Match::Yes);
        assert_eq!(some.matches(&symbols("a")), Match::No);
    }

    /// All sequences of some items up to a length.
    fn sequences<T: Copy>(items: &[T], longest: usize) -> Vec<Vec<T>> {
        let mut all = vec![Vec::new()];
        let mut last = all.clone();
        for _ in 0..longest {
            let longer =
                |one: &Vec<T>| items.iter().map(|&item| [one.as_slice(), &[item]].concat()).collect::<Vec<_>>();
            last = last.iter().flat_map(longer).collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    #[test]
    fn plain_ends_are_told_apart_as_the_automaton_does() {
        const TOKENS: [Token; 4] =
            [Token::Char('a'), Token::Char('/'), Token::One(Class::Anything), Token::Many(Class::Anything)];
        let texts = sequences(&[Symbol::Char('a'), Symbol::Char('/'), Symbol::Hole], 5);
        for tokens in sequences(&TOKENS, 5) {
            for text in &texts {
                let whole = match (run(&tokens, text, through_every_hole), run(&tokens, text, through_some_hole)) {
                    (true, _) => Match::Yes,
                    (false, true) => Match::Unknown,
                    (false, false) => Match::No,
                };
                let glob = Glob { tokens: tokens.clone() };
                assert_eq!(glob.matches(text), whole, "{tokens:?} and {text:?}");
            }
        }
    }
}
