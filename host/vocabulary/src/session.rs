use std::{fmt, str::FromStr};

/// A client's identity within a group, so that what it asks for is done once however often it asks. Never given out twice in
/// a group, also not when the group was recovered and has lost the entry that gave it out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    /// The term of the entry that opened it.
    pub term: u64,
    /// Which of the group's sessions it is, counted from 1.
    pub number: u64,
}

/// A text that is not the id of a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the id of a session: that is two numbers with a hyphen between them, such as 3-17")]
pub struct SessionIdError {
    /// The text.
    pub text: String,
}

impl fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.term, self.number)
    }
}

impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(text: &str) -> Result<Self, SessionIdError> {
        let read = || {
            let (term, number) = text.split_once('-')?;
            Some(Self { term: term.parse().ok()?, number: number.parse().ok()? })
        };
        read().ok_or_else(|| SessionIdError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_is_written() {
        let id = SessionId { term: 3, number: u64::MAX };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "3", "3-", "-3", "a-3", "3-4-5"] {
            assert!(text.parse::<SessionId>().is_err(), "{text:?}");
        }
    }
}
