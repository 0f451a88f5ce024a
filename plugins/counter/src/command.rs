//! What a person may type.

use std::str;

/// What changes the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Add(u64),
    Subtract(u64),
    NoteLeader { term: u64 },
    Trap,
}

/// What asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    Get,
    Leaders,
}

impl Command {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        match words(bytes)?.as_slice() {
            ["add", amount] => Ok(Self::Add(number(amount)?)),
            ["subtract", amount] => Ok(Self::Subtract(number(amount)?)),
            ["note-leader", term] => Ok(Self::NoteLeader { term: number(term)? }),
            ["trap"] => Ok(Self::Trap),
            _ => Err(unknown("command", bytes, "`add N`, `subtract N`")),
        }
    }
}

impl Query {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        match words(bytes)?.as_slice() {
            ["get"] => Ok(Self::Get),
            ["leaders"] => Ok(Self::Leaders),
            _ => Err(unknown("query", bytes, "`get`, `leaders`")),
        }
    }
}

fn words(bytes: &[u8]) -> Result<Vec<&str>, String> {
    let text = str::from_utf8(bytes).map_err(|_| "commands and queries are UTF-8 text".to_owned())?;
    Ok(text.split_ascii_whitespace().collect())
}

fn number(word: &str) -> Result<u64, String> {
    // The parser also takes a plus sign; one way to write a number is enough.
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { word.parse().ok() } else { None };
    number.ok_or_else(|| format!("not a whole number from 0 to {}: {word}", u64::MAX))
}

fn unknown(what: &str, bytes: &[u8], known: &str) -> String {
    format!("unknown {what} `{}`; known are {known}", String::from_utf8_lossy(bytes).trim_ascii())
}
