//! How words are written and read.

#![allow(clippy::unwrap_used, reason = "a test")]

use words::{split, split_commands, written};

fn words(line: &str) -> Vec<String> {
    split(line.as_bytes()).unwrap().iter().map(|word| word.escape_ascii().to_string()).collect()
}

fn refusal(line: &str) -> String {
    split(line.as_bytes()).unwrap_err()
}

#[test]
fn words_are_separated_by_any_number_of_spaces_tabs_and_line_ends() {
    assert_eq!(words(" a  b\tc\r\nd "), ["a", "b", "c", "d"]);
    assert!(words("").is_empty());
    assert!(words(" \n").is_empty());
}

#[test]
fn a_quoted_word_keeps_its_spaces_and_may_be_empty() {
    assert_eq!(words("\"a b\" \"\" c"), ["a b", "", "c"]);
    assert_eq!(words("\" a \""), [" a "]);
}

#[test]
fn escapes_in_quotes_stand_for_a_byte_each() {
    assert_eq!(split(br#""\"\\\n\r\t\x00\xfF""#).unwrap(), [b"\"\\\n\r\t\0\xff".as_slice()]);
    assert_eq!(words(r#""a\"b\\""#), [r#"a\"b\\"#]);
}

#[test]
fn outside_of_quotes_a_backslash_is_a_backslash() {
    assert_eq!(split(br"C:\new").unwrap(), [br"C:\new".as_slice()]);
}

#[test]
fn what_cannot_be_read_is_refused_with_the_reason() {
    assert_eq!(refusal("put a \"b"), "a quote is opened and not closed");
    assert_eq!(refusal(r#""a\""#), "a quote is opened and not closed");
    assert!(refusal("a\"b").starts_with("a quote inside of a word"));
    assert!(refusal("\"a\"b").starts_with("after a closing quote comes a space"));
    assert!(refusal(r#""\q""#).starts_with("unknown escape \\q"));
    for line in [r#""\x4""#, r#""\xg0""#, r#""\x"#, r#""\x+1""#] {
        assert!(refusal(line).contains("two hexadecimal digits"), "{line}: {}", refusal(line));
    }
}

#[test]
fn a_word_is_written_in_quotes_only_when_it_needs_them() {
    for (word, text) in [
        (&b"plain"[..], "plain"),
        (b"C:\\new", "C:\\new"),
        ("größe".as_bytes(), "größe"),
        (b"a#b", "a#b"),
        (b"", "\"\""),
        (b"a b", "\"a b\""),
        (b"say \"hi\"", r#""say \"hi\"""#),
        (b"a\nb\\c", r#""a\nb\\c""#),
        (b"#a", "\"#a\""),
        (b"\0\x7f\xff", r#""\x00\x7f\xff""#),
        ("a\u{85}".as_bytes(), r#""a\xc2\x85""#),
    ] {
        assert_eq!(written(word), text);
    }
}

#[test]
fn every_word_of_two_bytes_is_read_back_as_it_was_written() {
    for word in (0..=u16::MAX).map(u16::to_be_bytes) {
        let line = format!("{} x", written(&word));
        assert_eq!(split(line.as_bytes()).unwrap(), [&word[..], b"x"], "{line}");
    }
}

#[test]
fn commands_of_a_batch_are_separated_by_a_word_of_its_own() {
    let commands = |line: &str| -> Vec<Vec<String>> {
        let commands = split_commands(line.as_bytes()).unwrap();
        let text = |word: words::Word<'_>| word.escape_ascii().to_string();
        commands.into_iter().map(|words| words.into_iter().map(text).collect()).collect()
    };
    assert_eq!(commands("a b ; c"), [vec!["a", "b"], vec!["c"]]);
    assert_eq!(commands("a; \";\" b"), [["a;", ";", "b"]], "neither in a word nor in quotes");
    assert_eq!(commands(" ; "), [Vec::<String>::new(), vec![]]);
    assert_eq!(written(b";"), "\";\"");
}
