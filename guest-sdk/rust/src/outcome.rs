use std::fmt;

/// The answer to a command or a query: bytes that mean whatever the machine and its clients agree on.
///
/// Made from text or bytes with `into()`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Reply(Vec<u8>);

/// An answer that says no, and why. The state is unchanged.
///
/// Made from text or bytes with `into()`, so `?` turns a `Result<_, String>` into one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Rejection(Vec<u8>);

macro_rules! answer {
    ($answer:ident) => {
        impl $answer {
            /// The answer's bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// The answer's bytes, given away.
            #[must_use]
            pub fn into_bytes(self) -> Vec<u8> {
                self.0
            }
        }

        impl From<Vec<u8>> for $answer {
            fn from(bytes: Vec<u8>) -> Self {
                Self(bytes)
            }
        }

        impl From<&[u8]> for $answer {
            fn from(bytes: &[u8]) -> Self {
                Self(bytes.to_vec())
            }
        }

        impl From<String> for $answer {
            fn from(text: String) -> Self {
                Self(text.into_bytes())
            }
        }

        impl From<&str> for $answer {
            fn from(text: &str) -> Self {
                Self(text.as_bytes().to_vec())
            }
        }

        impl fmt::Debug for $answer {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}(\"{}\")", stringify!($answer), self.0.escape_ascii())
            }
        }
    };
}

answer!(Reply);
answer!(Rejection);

impl Reply {
    /// A reply without bytes: done, and nothing to say.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }
}
