//! Text that came from a plugin, made fit for messages and logs.

/// The most a message repeats of a text that came from a plugin.
const SHOWN_CHARACTERS_MAX: usize = 300;

/// A text from outside as it may stand in a message: cut, and with its control characters escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(SHOWN_CHARACTERS_MAX));
    push_escaped(&mut shown, text.chars().take(SHOWN_CHARACTERS_MAX));
    if text.chars().nth(SHOWN_CHARACTERS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// A log line: cut to a number of bytes at a character, then with its control characters escaped, so that a plugin can
/// neither forge lines of the log nor steer a terminal.
pub(crate) fn log_line(text: &str, bytes_max: usize) -> String {
    let text = &text[..text.floor_char_boundary(bytes_max)];
    let mut line = String::with_capacity(text.len());
    push_escaped(&mut line, text.chars());
    line
}

fn push_escaped(target: &mut String, text: impl Iterator<Item = char>) {
    for character in text {
        // Direction overrides are no control characters, and make a text look like another.
        let hides =
            matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if hides || (character.is_control() && character != '\t') {
            target.extend(character.escape_default());
        } else {
            target.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_long_texts_cut() {
        assert_eq!(shown("a\u{1b}[31m\nb\tc"), "a\\u{1b}[31m\\nb\tc");
        assert_eq!(shown("left\u{202e}right"), "left\\u{202e}right");
        let long = shown(&"é".repeat(SHOWN_CHARACTERS_MAX + 1));
        assert_eq!(long.chars().count(), SHOWN_CHARACTERS_MAX + 1);
        assert!(long.ends_with('…'));
        assert!(!shown(&"é".repeat(SHOWN_CHARACTERS_MAX)).ends_with('…'));
    }

    #[test]
    fn a_log_line_is_cut_between_characters() {
        assert_eq!(log_line("aéé", 3), "aé");
        assert_eq!(log_line("aéé", 4), "aé");
        assert_eq!(log_line("aéé", 100), "aéé");
        assert_eq!(log_line("aéé", 0), "");
        assert_eq!(log_line("one\ntwo", 100), "one\\ntwo");
    }
}
