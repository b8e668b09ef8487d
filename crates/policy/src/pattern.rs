//! Texts with wildcards and policy variables, and ARNs of such texts.

use crate::key::Key;
use crate::steps::Asked;

/// What one place of a pattern stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// This character.
    Char(char),
    /// `?`: any one character.
    One,
    /// `*`: any number of characters.
    Any,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Token(Token),
    /// `${key}` or `${key, 'default'}`: the value's characters, of which none is a wildcard.
    Variable {
        key: Key,
        default: Option<Box<str>>,
    },
}

/// How a pattern's text is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    /// `*` and `?` are wildcards.
    pub(crate) wildcards: bool,
    /// `${...}` is a variable.
    pub(crate) variables: bool,
}

/// Which characters are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Exact,
    Ignored,
}

/// A text to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Without wildcards.
    Text(Box<str>),
    /// With stars, the only wildcards that it has.
    Stars {
        /// The texts before, between and behind them.
        texts: Box<[Box<str>]>,
        /// The same, for comparisons without regard to case.
        tokens: Box<[Token]>,
    },
    Fixed(Box<[Token]>),
    WithVariables(Box<[Piece]>),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When a variable is not closed, or not one.
    pub(crate) fn parse(text: &str, syntax: Syntax) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if syntax.variables
                && let Some(behind) = rest.strip_prefix("${")
            {
                let (inside, behind) = split_variable(behind)
                    .ok_or_else(|| format!("a policy variable in `{text}` has no end"))?;
                pieces.push(parse_variable(inside)?);
                rest = behind;
                continue;
            }
            pieces.push(Piece::Token(match first {
                '*' if syntax.wildcards => Token::Any,
                '?' if syntax.wildcards => Token::One,
                other => Token::Char(other),
            }));
            rest = &rest[first.len_utf8()..];
        }
        let fixed: Option<Box<[Token]>> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Token(token) => Some(*token),
                Piece::Variable { .. } => None,
            })
            .collect();
        let Some(tokens) = fixed else { return Ok(Self::WithVariables(pieces.into())) };
        let plain: Option<String> = tokens
            .iter()
            .map(|token| match token {
                Token::Char(c) => Some(*c),
                Token::One | Token::Any => None,
            })
            .collect();
        Ok(match plain {
            Some(text) => Self::Text(text.into()),
            None if tokens.contains(&Token::One) => Self::Fixed(tokens),
            None => Self::Stars { texts: between_stars(&tokens), tokens },
        })
    }

    /// Whether this is the whole of `text`. A variable without value is equal to nothing, and so is
    /// anything when there are no steps left.
    pub(crate) fn matches(&self, text: &str, case: Case, asked: &Asked<'_>) -> bool {
        match self {
            Self::Text(own) => asked.take(1 + own.len() / 8) && is_equal(own, text, case),
            Self::Stars { texts, .. } if case == Case::Exact => {
                asked.take(texts.len() + text.len()) && is_stars_match(texts, text)
            }
            // Most actions that have a star have it at the end.
            Self::Stars { texts, .. }
                if let [first, last] = &**texts
                    && last.is_empty()
                    && first.is_ascii()
                    && text.is_ascii() =>
            {
                let start = text.get(..first.len());
                asked.take(1 + first.len() / 8)
                    && start.is_some_and(|start| is_equal(first, start, case))
            }
            Self::Stars { tokens, .. } | Self::Fixed(tokens) => is_match(tokens, text, case, asked),
            Self::WithVariables(pieces) => {
                resolve(pieces, asked).is_some_and(|tokens| is_match(&tokens, text, case, asked))
            }
        }
    }

    /// The keys of its variables.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        let pieces = match self {
            Self::WithVariables(pieces) => &**pieces,
            Self::Text(_) | Self::Stars { .. } | Self::Fixed(_) => &[],
        };
        pieces.iter().filter_map(|piece| match piece {
            Piece::Variable { key, .. } => Some(key),
            Piece::Token(_) => None,
        })
    }

    /// Whether it is a pattern of actions that all have this prefix, such as `kinesis`.
    pub(crate) fn is_of_service(&self, prefix: &str) -> bool {
        let tokens = match self {
            Self::Text(text) => {
                return text
                    .split_once(':')
                    .is_some_and(|(own, _)| own.eq_ignore_ascii_case(prefix));
            }
            Self::Stars { tokens, .. } | Self::Fixed(tokens) => tokens,
            Self::WithVariables(_) => return false,
        };
        let wanted = prefix.chars().chain([':']);
        tokens.len() > prefix.len()
            && wanted.zip(tokens).all(|(wanted, token)| match token {
                Token::Char(c) => is_alike(wanted, *c),
                Token::One | Token::Any => false,
            })
    }

    /// Whether the text depends on the request.
    pub(crate) fn has_variables(&self) -> bool {
        matches!(self, Self::WithVariables(_))
    }

    /// `*`: matches everything.
    fn anything() -> Self {
        Self::Stars { texts: ["".into(), "".into()].into(), tokens: [Token::Any].into() }
    }

    fn has_wildcards(&self) -> bool {
        let is_wildcard = |token: Token| !matches!(token, Token::Char(_));
        match self {
            Self::Text(_) => false,
            Self::Stars { .. } => true,
            Self::Fixed(tokens) => tokens.iter().copied().any(is_wildcard),
            Self::WithVariables(pieces) => {
                pieces.iter().any(|piece| matches!(piece, Piece::Token(t) if is_wildcard(*t)))
            }
        }
    }
}

/// The inside of a variable, and what is behind its brace. A brace in a default is part of it.
fn split_variable(text: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '\'' => is_quoted = !is_quoted,
            '}' if !is_quoted => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

fn parse_variable(inside: &str) -> Result<Piece, String> {
    if let "*" | "?" | "$" = inside {
        let literal = inside.chars().next().expect("one of the three above");
        return Ok(Piece::Token(Token::Char(literal)));
    }
    let (name, default) = match inside.split_once(',') {
        None => (inside, None),
        Some((name, default)) => {
            let default = default.trim();
            let quoted = default.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
            let default = quoted.ok_or_else(|| {
                format!("the default in policy variable `${{{inside}}}` is not in single quotes")
            })?;
            (name, Some(Box::from(default)))
        }
    };
    let key = Key::parse(name.trim())?;
    if key.has_many_values() {
        return Err(format!("`{}` has many values and cannot be a policy variable", name.trim()));
    }
    Ok(Piece::Variable { key, default })
}

fn resolve(pieces: &[Piece], asked: &Asked<'_>) -> Option<Vec<Token>> {
    let mut tokens = Vec::with_capacity(pieces.len() + 32);
    for piece in pieces {
        match piece {
            Piece::Token(token) => tokens.push(*token),
            Piece::Variable { key, default } => {
                let value = asked.value(key);
                let text = value.as_deref().or(default.as_deref())?;
                tokens.extend(text.chars().map(Token::Char));
            }
        }
    }
    asked.take(tokens.len()).then_some(tokens)
}

fn between_stars(tokens: &[Token]) -> Box<[Box<str>]> {
    let texts = tokens.split(|token| *token == Token::Any);
    let text = |tokens: &[Token]| -> Box<str> {
        let chars = tokens.iter().filter_map(|token| match token {
            Token::Char(c) => Some(*c),
            Token::One | Token::Any => None,
        });
        chars.collect::<String>().into()
    };
    texts.map(text).collect()
}

/// Whether a text begins with the first of `texts`, ends with the last one, and has the others in
/// this order between. In time proportional to the text: none is looked for before the end of the
/// one before it.
fn is_stars_match(texts: &[Box<str>], text: &str) -> bool {
    let [first, between @ .., last] = texts else { return false };
    // Empty texts are not compared: for them, `memcmp` with masked loads takes longer than for any
    // other, since their address is none.
    let mut rest = text;
    if !first.is_empty() {
        let Some(behind) = rest.strip_prefix(&**first) else { return false };
        rest = behind;
    }
    if !last.is_empty() {
        let Some(before) = rest.strip_suffix(&**last) else { return false };
        rest = before;
    }
    for wanted in between.iter().filter(|wanted| !wanted.is_empty()) {
        let Some(at) = rest.find(&**wanted) else { return false };
        rest = &rest[at + wanted.len()..];
    }
    true
}

fn is_equal(one: &str, other: &str, case: Case) -> bool {
    match case {
        Case::Exact => one == other,
        Case::Ignored if one.is_ascii() && other.is_ascii() => one.eq_ignore_ascii_case(other),
        Case::Ignored => {
            one.chars().count() == other.chars().count()
                && one.chars().zip(other.chars()).all(|(one, other)| is_alike(one, other))
        }
    }
}

/// Whether two characters differ in case at most.
fn is_alike(one: char, other: char) -> bool {
    match one.is_ascii() && other.is_ascii() {
        true => one.eq_ignore_ascii_case(&other),
        false => one.to_lowercase().eq(other.to_lowercase()),
    }
}

/// Whether the pattern covers the whole text, in at most (tokens + 1) × (characters + 1)
/// comparisons: what stands before the last star seen is never looked at again.
fn is_match(tokens: &[Token], text: &str, case: Case, asked: &Asked<'_>) -> bool {
    let equal = |one: char, other: char| match case {
        Case::Exact => one == other,
        Case::Ignored => is_alike(one, other),
    };
    let mut rest = text.chars();
    let mut at = 0;
    // Behind the last star: where in the pattern, and from where on in the text to try it.
    let mut retry = None;
    while asked.take(1) {
        let here = rest.clone();
        match (tokens.get(at), rest.next()) {
            (None, None) => return true,
            (Some(Token::Any), _) => {
                rest = here.clone();
                at += 1;
                retry = Some((at, here));
            }
            (Some(Token::One), Some(_)) => at += 1,
            (Some(Token::Char(wanted)), Some(found)) if equal(*wanted, found) => at += 1,
            // The pattern wants more than there is: a longer star only leaves less.
            (Some(_), None) => return false,
            (_, Some(_)) => {
                let Some((behind_star, from)) = &mut retry else { return false };
                from.next();
                (at, rest) = (*behind_star, from.clone());
            }
        }
    }
    false
}

/// An ARN with wildcards, compared field by field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArnPattern {
    /// `*`: every resource, and operations that have none.
    Everything,
    /// Partition, service, Region, account and resource.
    Fields(Box<[Pattern; 5]>),
}

/// What an ARN pattern is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArnUse {
    /// An element `Resource`: the service is plain text.
    Resource,
    /// A value of a condition.
    Condition,
}

impl ArnPattern {
    /// Reads an ARN pattern. Fields that are not there match everything.
    ///
    /// # Errors
    /// When it is neither `*` nor an ARN.
    pub(crate) fn parse(text: &str, purpose: ArnUse, variables: bool) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Everything);
        }
        let mut fields = split_fields(text, variables).into_iter();
        if fields.next() != Some("arn") || fields.len() < 2 {
            return Err(format!("`{text}` must be `*` or an ARN"));
        }
        let syntax = Syntax { wildcards: true, variables };
        let mut next =
            || fields.next().map_or(Ok(Pattern::anything()), |f| Pattern::parse(f, syntax));
        let patterns = [next()?, next()?, next()?, next()?, next()?];
        let service = &patterns[1];
        if purpose == ArnUse::Resource && (service.has_wildcards() || service.has_variables()) {
            return Err(format!("the service in `{text}` must be plain text"));
        }
        Ok(Self::Fields(Box::new(patterns)))
    }

    /// Whether this is the whole of `arn`.
    pub(crate) fn matches(&self, arn: &str, asked: &Asked<'_>) -> bool {
        let Self::Fields(patterns) = self else { return true };
        let mut fields = arn.splitn(6, ':');
        fields.next() == Some("arn")
            && patterns.iter().all(|pattern| {
                let field = fields.next();
                field.is_some_and(|field| pattern.matches(field, Case::Exact, asked))
            })
    }

    /// The keys of its variables.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        let patterns = match self {
            Self::Everything => &[],
            Self::Fields(patterns) => patterns.as_slice(),
        };
        patterns.iter().flat_map(Pattern::keys)
    }

    /// Whether it depends on the request.
    pub(crate) fn has_variables(&self) -> bool {
        match self {
            Self::Everything => false,
            Self::Fields(patterns) => patterns.iter().any(Pattern::has_variables),
        }
    }
}

/// The text at its first five colons; colons inside variables do not count.
fn split_fields(text: &str, variables: bool) -> Vec<&str> {
    let mut fields = Vec::with_capacity(6);
    let (mut start, mut at) = (0, 0);
    while at < text.len() && fields.len() < 5 {
        let rest = &text[at..];
        if let Some(behind) = rest.strip_prefix("${").filter(|_| variables)
            && let Some((_, behind)) = split_variable(behind)
        {
            at = text.len() - behind.len();
            continue;
        }
        if rest.starts_with(':') {
            fields.push(&text[start..at]);
            start = at + 1;
        }
        at += rest.chars().next().map_or(1, char::len_utf8);
    }
    fields.push(&text[start..]);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Principal;
    use crate::request::RequestTags;
    use crate::tests::request;
    use proptest::prelude::*;

    const SYNTAX: Syntax = Syntax { wildcards: true, variables: false };

    fn tokens(text: &str) -> Box<[Token]> {
        match Pattern::parse(text, SYNTAX).expect("parses") {
            Pattern::Fixed(tokens) | Pattern::Stars { tokens, .. } => tokens,
            Pattern::Text(text) => text.chars().map(Token::Char).collect(),
            Pattern::WithVariables(_) => unreachable!("no variables asked for"),
        }
    }

    /// The definition, exponential in the number of stars.
    fn is_match_by_definition(tokens: &[Token], text: &[char]) -> bool {
        match (tokens.split_first(), text.split_first()) {
            (None, _) => text.is_empty(),
            (Some((Token::Any, rest)), _) => {
                (0..=text.len()).any(|taken| is_match_by_definition(rest, &text[taken..]))
            }
            (Some(_), None) => false,
            (Some((Token::One, rest)), Some((_, text))) => is_match_by_definition(rest, text),
            (Some((Token::Char(wanted), rest)), Some((found, text))) => {
                wanted == found && is_match_by_definition(rest, text)
            }
        }
    }

    #[test]
    fn matching_is_bounded_by_the_product_of_the_lengths() {
        let (nobody, text) = (Principal::root(""), "a".repeat(500));
        for pattern in ["*a".repeat(200) + "b", "*?a".repeat(100) + "b", "*".repeat(300) + "b"] {
            let tokens = tokens(&pattern);
            let request = request(&nobody, None, RequestTags::None);
            let asked = Asked::new(&request);
            assert!(!is_match(&tokens, &text, Case::Exact, &asked));
            let steps = asked.taken();
            assert!(steps <= (tokens.len() + 1) * (text.len() + 1), "{steps}");
        }
    }

    #[test]
    fn splits_arns_at_colons_outside_of_variables() {
        let text = "arn:aws:kinesis:*:1:stream/${aws:username}:x:y";
        let fields = ["arn", "aws", "kinesis", "*", "1", "stream/${aws:username}:x:y"];
        assert_eq!(split_fields(text, true), fields);
        let text = "arn:${aws:a, ':}'}:s";
        assert_eq!(split_fields(text, true), ["arn", "${aws:a, ':}'}", "s"]);
        assert_eq!(split_fields("arn:${aws:x", true), ["arn", "${aws", "x"]);
        assert_eq!(split_fields("", true), [""]);
    }

    proptest! {
        #[test]
        fn matches_what_the_definition_matches(
            pattern in "[ab*?é]{0,8}",
            text in "[abé]{0,8}",
        ) {
            let nobody = Principal::root("");
            let request = request(&nobody, None, RequestTags::None);
            let asked = Asked::new(&request);
            let tokens = tokens(&pattern);
            let chars: Vec<char> = text.chars().collect();
            let expected = is_match_by_definition(&tokens, &chars);
            let pattern = Pattern::parse(&pattern, SYNTAX).expect("parses");
            prop_assert_eq!(pattern.matches(&text, Case::Exact, &asked), expected);
            prop_assert_eq!(pattern.matches(&text, Case::Ignored, &asked), expected);
            prop_assert_eq!(is_match(&tokens, &text, Case::Exact, &asked), expected);
        }

        #[test]
        fn no_text_makes_parsing_panic(text in any::<String>(), variables in any::<bool>()) {
            let _ = Pattern::parse(&text, Syntax { wildcards: true, variables });
            let _ = ArnPattern::parse(&text, ArnUse::Resource, variables);
            let _ = ArnPattern::parse(&format!("arn:aws:{text}"), ArnUse::Condition, variables);
        }
    }
}
