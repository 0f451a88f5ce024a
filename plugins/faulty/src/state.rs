//! What is kept, and how it is saved: each text as its length (4 bytes, little endian) and its bytes.

use std::io::{self, Read, Write};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) text: String,
    pub(crate) on_leader_start: String,
    pub(crate) on_save: String,
    pub(crate) on_timer: String,
    pub(crate) noted: Vec<String>,
}

impl State {
    pub(crate) fn write(&self, into: &mut impl Write) -> io::Result<()> {
        let settings = [&self.text, &self.on_leader_start, &self.on_save, &self.on_timer];
        for text in settings.into_iter().chain(&self.noted) {
            let length = u32::try_from(text.len()).map_err(io::Error::other)?;
            into.write_all(&length.to_le_bytes())?;
            into.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "not a state of faulty");
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let mut rest = bytes.as_slice();
        let mut texts = Vec::new();
        while !rest.is_empty() {
            let (length, behind) = rest.split_first_chunk().ok_or_else(invalid)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).map_err(io::Error::other)?;
            let (text, behind) = behind.split_at_checked(length).ok_or_else(invalid)?;
            texts.push(std::str::from_utf8(text).map_err(|_| invalid())?.to_owned());
            rest = behind;
        }
        let mut texts = texts.into_iter();
        let mut next = || texts.next().ok_or_else(invalid);
        let (text, on_leader_start, on_save, on_timer) = (next()?, next()?, next()?, next()?);
        Ok(Self { text, on_leader_start, on_save, on_timer, noted: texts.collect() })
    }
}
