//! How the commands, queries and answers of plugins are written, so that a person can type them.
//!
//! Words are separated by spaces, tabs and line ends. A word that has such a byte, a double quote, a control
//! character or bytes that are no UTF-8, or is empty, or begins with `#`, or is `;`, is written in double quotes, in which
//! `\"`, `\\`, `\n`, `\r`, `\t` and `\xNN` (two hexadecimal digits, any byte) stand for one byte each. Outside of
//! quotes a backslash is a backslash.

use std::borrow::Cow;

/// A word of a line, without the quotes it may have had.
pub type Word<'text> = Cow<'text, [u8]>;

/// What stands between the commands of a batch, as a word without quotes.
const BETWEEN_COMMANDS: &[u8] = b";";

/// The words of a line.
///
/// # Errors
/// When quotes or escapes are not as they must be.
pub fn split(line: &[u8]) -> Result<Vec<Word<'_>>, String> {
    let mut words = Vec::new();
    each(line, |word, _| words.push(word))?;
    Ok(words)
}

/// The words of each command of a batch. They are separated by the word `;`; in quotes it is a word as any other.
///
/// # Errors
/// When quotes or escapes are not as they must be.
pub fn split_commands(line: &[u8]) -> Result<Vec<Vec<Word<'_>>>, String> {
    let mut commands = vec![Vec::new()];
    each(line, |word, is_quoted| match commands.last_mut() {
        Some(command) if is_quoted || *word != *BETWEEN_COMMANDS => command.push(word),
        _ => commands.push(Vec::new()),
    })?;
    Ok(commands)
}

/// Hands over each word, and whether it was in quotes.
fn each<'text>(line: &'text [u8], mut take: impl FnMut(Word<'text>, bool)) -> Result<(), String> {
    let mut rest = line.trim_ascii_start();
    while let Some(first) = rest.first() {
        let is_quoted = *first == b'"';
        let (word, behind) = if is_quoted { quoted(&rest[1..])? } else { plain(rest)? };
        if behind.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
            return Err(
                "after a closing quote comes a space: to have a quote in a word, write \\\" in quotes".into(),
            );
        }
        take(word, is_quoted);
        rest = behind.trim_ascii_start();
    }
    Ok(())
}

fn plain(text: &[u8]) -> Result<(Word<'_>, &[u8]), String> {
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    let (word, behind) = text.split_at(end);
    if word.contains(&b'"') {
        return Err(
            "a quote inside of a word: write the whole word in quotes, and the quote in it as \\\"".into()
        );
    }
    Ok((Cow::Borrowed(word), behind))
}

/// The word whose opening quote was before `text`.
fn quoted(text: &[u8]) -> Result<(Word<'_>, &[u8]), String> {
    let mut word = Vec::new();
    let mut rest = text;
    loop {
        let special = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        let special = special.ok_or("a quote is opened and not closed")?;
        // Most values have no escape in them and are not copied.
        if rest[special] == b'"' && word.is_empty() {
            return Ok((Cow::Borrowed(&rest[..special]), &rest[special + 1..]));
        }
        word.extend_from_slice(&rest[..special]);
        if rest[special] == b'"' {
            return Ok((Cow::Owned(word), &rest[special + 1..]));
        }
        let (byte, behind) = escape(&rest[special + 1..])?;
        word.push(byte);
        rest = behind;
    }
}

/// The byte that the escape behind a backslash stands for.
fn escape(text: &[u8]) -> Result<(u8, &[u8]), String> {
    let unknown = || {
        let letter = text.first().map(|byte| byte.escape_ascii().to_string()).unwrap_or_default();
        format!("unknown escape \\{letter}: known are \\\" \\\\ \\n \\r \\t and \\xNN")
    };
    match text {
        [byte @ (b'"' | b'\\'), behind @ ..] => Ok((*byte, behind)),
        [b'n', behind @ ..] => Ok((b'\n', behind)),
        [b'r', behind @ ..] => Ok((b'\r', behind)),
        [b't', behind @ ..] => Ok((b'\t', behind)),
        [b'x', high, low, behind @ ..] => {
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (high, low) =
                digit(*high).zip(digit(*low)).ok_or_else(|| "\\x takes two hexadecimal digits".to_owned())?;
            Ok((high * 16 + low, behind))
        }
        [b'x', ..] => Err("\\x takes two hexadecimal digits".into()),
        _ => Err(unknown()),
    }
}

/// Writes a word so that [`split`] reads it back, in quotes only when it needs them.
pub fn write(word: &[u8], into: &mut String) {
    if let Some(text) = plain_text(word) {
        into.push_str(text);
        return;
    }
    into.push('"');
    for chunk in word.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => into.push_str("\\\""),
                '\\' => into.push_str("\\\\"),
                '\n' => into.push_str("\\n"),
                '\r' => into.push_str("\\r"),
                '\t' => into.push_str("\\t"),
                control if control.is_control() => {
                    control.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| write_byte(byte, into));
                }
                other => into.push(other),
            }
        }
        chunk.invalid().iter().for_each(|byte| write_byte(*byte, into));
    }
    into.push('"');
}

/// The word, when it can be written as it is.
fn plain_text(word: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(word).ok()?;
    let special =
        |character: char| character == '"' || character.is_ascii_whitespace() || character.is_control();
    (!text.is_empty() && text != ";" && !text.starts_with('#') && !text.contains(special)).then_some(text)
}

fn write_byte(byte: u8, into: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    into.push_str("\\x");
    into.push(DIGITS[usize::from(byte >> 4)]);
    into.push(DIGITS[usize::from(byte & 15)]);
}

/// A word as it would be written.
#[must_use]
pub fn written(word: &[u8]) -> String {
    let mut text = String::new();
    write(word, &mut text);
    text
}

/// A word that is a whole number.
///
/// # Errors
/// When it is none.
pub fn number(word: &[u8]) -> Result<u64, String> {
    // The parser also takes a plus sign; one way to write a number is enough.
    let digits = word.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(word).ok().filter(|_| digits);
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("not a whole number from 0 to {}: {}", u64::MAX, written(word)))
}
