use bytes::Bytes;
use serde::Deserialize;
use std::fmt;

/// The most bytes that one value of a script comes to: no mistake in it may ask for all of the memory.
const BYTES_MAX: usize = 64 << 20;
/// How much of a value is shown.
const SHOWN_CHARS_MAX: usize = 200;

/// Bytes, as a script writes them: text as it is, `{ hex = "00ff" }`, `{ repeat = "v", times = 1000 }`, or several of
/// these as `{ join = [...] }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(
    untagged,
    expecting = "text, { hex = \"00ff\" }, { repeat = \"v\", times = 1000 } or { join = [...] }"
)]
pub enum Data {
    /// Text.
    Text(String),
    /// Hexadecimal digits.
    Hex {
        /// Two for each byte.
        hex: String,
    },
    /// The same over and over.
    Repeat {
        /// What.
        repeat: String,
        /// How often.
        times: usize,
    },
    /// One after the other.
    Join {
        /// The parts.
        join: Vec<Data>,
    },
}

impl Data {
    /// The bytes.
    ///
    /// # Errors
    /// When these are no hexadecimal digits, or they are too many.
    pub fn bytes(&self) -> Result<Bytes, String> {
        let too_many = || format!("it comes to more than {BYTES_MAX} bytes");
        match self {
            Self::Text(text) => Ok(text.clone().into()),
            Self::Hex { hex } => {
                from_hex(hex).ok_or_else(|| format!("{hex:?} is not made of pairs of hexadecimal digits"))
            }
            Self::Repeat { repeat, times } => {
                let fits = repeat.len().checked_mul(*times).is_some_and(|bytes| bytes <= BYTES_MAX);
                if fits { Ok(repeat.repeat(*times).into()) } else { Err(too_many()) }
            }
            Self::Join { join } => {
                let mut joined = Vec::new();
                for part in join {
                    joined.extend_from_slice(&part.bytes()?);
                    if joined.len() > BYTES_MAX {
                        return Err(too_many());
                    }
                }
                Ok(joined.into())
            }
        }
    }
}

fn from_hex(digits: &str) -> Option<Bytes> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?))
        .collect::<Option<Vec<u8>>>()
        .map(Bytes::from)
}

/// Bytes for those who read of them: as text where they are text, and not all of them when they are many.
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(text) = str::from_utf8(self.0) else {
            let digits: String =
                self.0.iter().take(SHOWN_CHARS_MAX / 2).map(|byte| format!("{byte:02x}")).collect();
            return write!(formatter, "the {} bytes {digits}", self.0.len());
        };
        match text.char_indices().nth(SHOWN_CHARS_MAX) {
            None => write!(formatter, "{text:?}"),
            Some((end, _)) => write!(formatter, "{:?}... ({} bytes)", &text[..end], text.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_several_ways() {
        let hex = |digits: &str| Data::Hex { hex: digits.into() }.bytes();
        assert_eq!(hex("00fF").unwrap(), &[0, 255][..]);
        for wrong in ["0", "0g", "é"] {
            assert!(hex(wrong).is_err(), "{wrong}");
        }
        let repeat = |times| Data::Repeat { repeat: "ab".into(), times };
        let join = Data::Join { join: vec![Data::Text("x".into()), repeat(2)] };
        assert_eq!(join.bytes().unwrap(), "xabab");
        assert!(repeat(usize::MAX).bytes().is_err());
        assert!(Data::Join { join: vec![repeat(BYTES_MAX / 2), repeat(1)] }.bytes().is_err());
    }

    #[test]
    fn long_values_are_cut_and_others_are_hexadecimal() {
        assert_eq!(Shown(b"a\n").to_string(), "\"a\\n\"");
        assert_eq!(Shown(&[0xff, 1]).to_string(), "the 2 bytes ff01");
        assert!(Shown("é".repeat(300).as_bytes()).to_string().ends_with("é\"... (600 bytes)"));
    }
}
