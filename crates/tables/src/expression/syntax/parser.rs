//! Walking over tokens.

use crate::expression::lexer::{Token, TokenKind, tokens};
use crate::invalid::Problem;

/// How long an expression may be, in bytes.
const EXPRESSION_BYTES_MAX: usize = 4096;
/// How many operators and functions an expression may have.
const OPERATORS_MAX: usize = 300;

/// An expression that was read, and what is wrong with it although it could be.
#[derive(Debug)]
pub(in crate::expression) struct Parsed<T> {
    pub(in crate::expression) tree: T,
    /// Whether something stands in two pairs of parentheses.
    pub(in crate::expression) has_redundant_parentheses: bool,
}

/// A place in the tokens. Copies of a place are how something is tried.
pub(super) struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token<'t>>,
    /// Which words are no names.
    keywords: &'static [&'static str],
    place: Place,
}

/// What changes while a parser reads.
#[derive(Clone, Copy)]
pub(super) struct Place {
    at: usize,
    operators: usize,
    pub(super) has_redundant_parentheses: bool,
}

impl<'t> Parser<'t> {
    /// Reads the whole of `text` with `read`.
    pub(super) fn parse<T>(
        text: &'t str,
        keywords: &'static [&'static str],
        read: impl FnOnce(&mut Parser<'t>) -> Result<T, Problem>,
    ) -> Result<Parsed<T>, Problem> {
        if text.len() > EXPRESSION_BYTES_MAX {
            return Err(Problem::TooLong { bytes: text.len() });
        }
        let tokens = tokens(text);
        let place = Place { at: 0, operators: 0, has_redundant_parentheses: false };
        let mut parser = Parser { text, tokens, keywords, place };
        if parser.is_at_end() {
            return Err(Problem::Empty);
        }
        let tree = read(&mut parser)?;
        if !parser.is_at_end() {
            return Err(parser.unexpected());
        }
        if parser.place.operators > OPERATORS_MAX {
            return Err(Problem::TooManyOperators { count: OPERATORS_MAX + 1 });
        }
        let has_redundant_parentheses = parser.place.has_redundant_parentheses;
        Ok(Parsed { tree, has_redundant_parentheses })
    }

    pub(super) fn token(&self) -> Token<'t> {
        self.token_ahead(0)
    }

    /// The token that is so many behind the next one.
    pub(super) fn token_ahead(&self, count: usize) -> Token<'t> {
        let last = self.tokens.len() - 1;
        self.tokens[(self.place.at + count).min(last)]
    }

    /// The token that was taken so many tokens ago: 1 is the last one.
    pub(super) fn token_behind(&self, count: usize) -> Option<Token<'t>> {
        self.place.at.checked_sub(count).map(|at| self.tokens[at])
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.token().kind == TokenKind::End
    }

    pub(super) fn advance(&mut self) {
        self.place.at = (self.place.at + 1).min(self.tokens.len() - 1);
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        let token = self.token();
        token.kind == TokenKind::Symbol && token.text == symbol
    }

    /// Takes `symbol` if it is next.
    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let is_there = self.is_symbol(symbol);
        if is_there {
            self.advance();
        }
        is_there
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<(), Problem> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The keyword that is next, as the grammar writes it.
    pub(super) fn keyword(&self) -> Option<&'static str> {
        let token = self.token();
        let is_word = token.kind == TokenKind::Word;
        let mut keywords = self.keywords.iter().filter(|_| is_word);
        keywords.find(|keyword| keyword.eq_ignore_ascii_case(token.text)).copied()
    }

    /// Takes `keyword` if it is next.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let is_there = self.keyword() == Some(keyword);
        if is_there {
            self.advance();
        }
        is_there
    }

    pub(super) fn count_operator(&mut self) {
        self.place.operators += 1;
    }

    pub(super) fn note_redundant_parentheses(&mut self) {
        self.place.has_redundant_parentheses = true;
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    pub(super) fn return_to(&mut self, place: Place) {
        self.place = place;
    }

    /// That the next token must not stand here.
    pub(super) fn unexpected(&self) -> Problem {
        let token = self.token();
        let start = self.token_behind(1).map_or(token.start, |token| token.start);
        let end = self.token_ahead(1).end().max(token.end());
        Problem::Syntax { token: token.text.to_owned(), near: self.text[start..end].to_owned() }
    }
}
