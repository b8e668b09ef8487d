//! Tokens of an expression.

/// A piece of the text. Its kind says only what can be told without the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind,
    pub(super) text: &'t str,
    /// Where it begins, in bytes of the expression.
    pub(super) start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or a keyword: a letter, then letters, digits and underscores.
    Word,
    /// `#name`
    Name,
    /// `:value`
    Value,
    Digits,
    /// Brackets, a comma, a dot, a sign, or a comparator.
    Symbol,
    /// A character that no expression has.
    Unknown,
    /// What stands behind the last token.
    End,
}

impl Token<'_> {
    pub(super) fn end(&self) -> usize {
        // The end of the text has a name, but no length.
        self.start + if self.kind == TokenKind::End { 0 } else { self.text.len() }
    }
}

/// All tokens, and one that marks the end. There are no more than bytes, and one.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let (kind, length) = next(rest);
        if let Some(kind) = kind {
            tokens.push(Token { kind, text: &rest[..length], start });
        }
        start += length;
    }
    let end = tokens.last().map_or(0, Token::end);
    tokens.push(Token { kind: TokenKind::End, text: "<EOF>", start: end });
    tokens
}

/// The kind of the token that `rest` begins with, `None` for space, and how many bytes it has.
fn next(rest: &str) -> (Option<TokenKind>, usize) {
    let bytes = rest.as_bytes();
    let run = |from: usize, is_in: fn(&u8) -> bool| {
        from + bytes[from..].iter().take_while(|byte| is_in(byte)).count()
    };
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    match bytes {
        [b' ' | b'\t' | b'\r' | b'\n', ..] => (None, 1),
        [first, ..] if first.is_ascii_alphabetic() => (Some(TokenKind::Word), run(1, is_part)),
        [first, ..] if first.is_ascii_digit() => {
            (Some(TokenKind::Digits), run(1, u8::is_ascii_digit))
        }
        [b'#', second, ..] if is_part(second) => (Some(TokenKind::Name), run(1, is_part)),
        [b':', second, ..] if is_part(second) => (Some(TokenKind::Value), run(1, is_part)),
        [b'<', b'=' | b'>', ..] | [b'>', b'=', ..] => (Some(TokenKind::Symbol), 2),
        [b'(' | b')' | b'[' | b']' | b',' | b'.' | b'+' | b'-' | b'=' | b'<' | b'>', ..] => {
            (Some(TokenKind::Symbol), 1)
        }
        _ => (Some(TokenKind::Unknown), rest.chars().next().map_or(1, char::len_utf8)),
    }
}
