use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt::{self, Write};

/// Bytes of a plugin, shown as text where they are text.
///
/// As JSON it is a string when the bytes are UTF-8, and `{"hex": "…"}` when they are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload(pub(crate) bytes::Bytes);

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = std::str::from_utf8(&self.0) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("hex", &hex(&self.0))?;
        map.end()
    }
}

/// For a terminal: text as it is, anything that could move the cursor or is no text escaped.
impl fmt::Display for Payload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() && character != '\n' && character != '\t' {
                    write!(formatter, "{}", character.escape_default())?;
                } else {
                    formatter.write_char(character)?;
                }
            }
            for byte in chunk.invalid() {
                write!(formatter, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Two digits a byte.
#[must_use]
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(bytes: &'static [u8]) -> Payload {
        Payload(bytes::Bytes::from_static(bytes))
    }

    #[test]
    fn text_is_shown_as_it_is_and_everything_else_escaped() {
        assert_eq!(payload("größe\t1\n".as_bytes()).to_string(), "größe\t1\n");
        assert_eq!(payload(b"a\x1b[2J\r\xff\x00").to_string(), "a\\u{1b}[2J\\r\\xff\\u{0}");
    }

    #[test]
    fn json_has_a_string_for_text_and_hex_for_the_rest() {
        assert_eq!(serde_json::to_string(&payload(b"a\"b")).expect("plain"), r#""a\"b""#);
        assert_eq!(serde_json::to_string(&payload(b"\xff\x01")).expect("plain"), r#"{"hex":"ff01"}"#);
    }
}
