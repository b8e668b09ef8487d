//! What a message shows of a caller's value: its beginning, if it is long.
//!
//! A message would otherwise be as long as the request, and several times so in memory.

use std::borrow::Cow;

/// Bytes of one value that a message shows, and of all values in it together.
pub const SHOWN_BYTES_MAX: usize = 8 << 10;

/// What stands for the rest.
const CUT: &str = "...";

/// Text that is written piece by piece and takes no more than [`SHOWN_BYTES_MAX`]: then `...` ends it,
/// and nothing is added any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownText {
    text: String,
    is_cut: bool,
}

impl ShownText {
    /// The text, or its beginning.
    pub fn of(text: &str) -> Self {
        let mut shown = Self::default();
        shown.push(text);
        shown
    }

    /// Adds `piece`, or as much of it as there is room for.
    pub fn push(&mut self, piece: &str) {
        if self.is_cut {
            return;
        }
        let room = SHOWN_BYTES_MAX - self.text.len();
        self.text.push_str(&piece[..piece.floor_char_boundary(room)]);
        if piece.len() > room {
            self.cut();
        }
    }

    /// The text, with `...` behind it if there was more.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Leaves no more than `bytes_max`, apart from the `...`. Answers how many there are.
    pub(crate) fn shorten(&mut self, bytes_max: usize) -> usize {
        let end = self.text.len() - if self.is_cut { CUT.len() } else { 0 };
        if end <= bytes_max {
            return end;
        }
        let end = self.text.floor_char_boundary(bytes_max);
        self.text.truncate(end);
        self.cut();
        end
    }

    fn cut(&mut self) {
        self.text.push_str(CUT);
        self.is_cut = true;
    }
}

/// A text that a message shows, for texts that are whole already.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    match text.len() <= SHOWN_BYTES_MAX {
        true => Cow::Borrowed(text),
        false => Cow::Owned(ShownText::of(text).text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        let whole = "a".repeat(SHOWN_BYTES_MAX);
        assert_eq!(shown(&whole), whole);
        assert_eq!(shown(&format!("{whole}b")), format!("{whole}..."));
        let odd = format!("a{}", "\u{e9}".repeat(SHOWN_BYTES_MAX));
        let kept = &odd[..SHOWN_BYTES_MAX - 1];
        assert_eq!(shown(&odd), format!("{kept}..."));
    }

    #[test]
    fn nothing_is_added_to_what_was_cut() {
        let mut text = ShownText::of(&"a".repeat(SHOWN_BYTES_MAX - 1));
        text.push("b");
        assert!(!text.is_cut);
        text.push("");
        assert!(!text.is_cut);
        text.push("c");
        text.push("d");
        assert!(text.is_cut);
        assert!(text.as_str().ends_with("aab..."));
        assert_eq!(text.as_str().len(), SHOWN_BYTES_MAX + 3);
    }

    #[test]
    fn a_text_can_be_shortened_again() {
        let mut text = ShownText::of("ab\u{e9}d");
        assert_eq!((text.shorten(5), text.as_str()), (5, "ab\u{e9}d"));
        assert_eq!((text.shorten(3), text.as_str()), (2, "ab..."));
        assert_eq!((text.shorten(2), text.as_str()), (2, "ab..."));
        assert_eq!((text.shorten(0), text.as_str()), (0, "..."));
    }
}
