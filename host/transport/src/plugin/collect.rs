use crate::PluginRefusal;
use bytes::Bytes;
use quorate_vocabulary::PluginDigest;

/// A plugin's bytes as they arrive. Never takes more than was announced, and never more than the limit.
#[derive(Debug)]
pub(super) struct Collect {
    digest: PluginDigest,
    total_bytes: usize,
    bytes: Vec<u8>,
}

impl Collect {
    pub(super) fn new(digest: &[u8], total_bytes: u64, bytes_max: usize) -> Result<Self, PluginRefusal> {
        let digest =
            PluginDigest::try_from(digest).map_err(|error| PluginRefusal::Protocol(error.to_string()))?;
        match usize::try_from(total_bytes) {
            // Room is made as the bytes come: an announcement alone costs nothing.
            Ok(total_bytes) if total_bytes <= bytes_max => {
                Ok(Self { digest, total_bytes, bytes: Vec::new() })
            }
            _ => Err(PluginRefusal::TooLarge(format!("{total_bytes} bytes, at most {bytes_max}"))),
        }
    }

    pub(super) fn digest(&self) -> PluginDigest {
        self.digest
    }

    pub(super) fn add(&mut self, chunk: &Bytes) -> Result<(), PluginRefusal> {
        if chunk.len() > self.total_bytes - self.bytes.len() {
            return Err(PluginRefusal::Damaged(format!(
                "more than the announced {} bytes",
                self.total_bytes
            )));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// The bytes, if they are the announced ones. Takes a while for large ones.
    pub(super) fn verify(self) -> Result<Bytes, PluginRefusal> {
        if self.bytes.len() != self.total_bytes {
            let (have, total) = (self.bytes.len(), self.total_bytes);
            return Err(PluginRefusal::Damaged(format!("{have} of the announced {total} bytes")));
        }
        let found = PluginDigest::of(&self.bytes);
        if found != self.digest {
            let expected = self.digest;
            return Err(PluginRefusal::Damaged(format!("its SHA-256 is {found}, not {expected}")));
        }
        Ok(self.bytes.into())
    }

    /// Like [`Self::verify`], off the network threads.
    pub(super) async fn verified(self) -> Result<Bytes, PluginRefusal> {
        match tokio::task::spawn_blocking(move || self.verify()).await {
            Ok(verified) => verified,
            Err(error) => Err(PluginRefusal::Storage(format!("the thread that verified it failed: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLUGIN: &[u8] = b"\0asm and so on";

    fn collect(total_bytes: u64, chunks: &[&'static [u8]]) -> Result<Bytes, PluginRefusal> {
        let mut collect = Collect::new(PluginDigest::of(PLUGIN).as_bytes(), total_bytes, 100)?;
        for chunk in chunks {
            collect.add(&Bytes::from_static(chunk))?;
        }
        collect.verify()
    }

    #[test]
    fn chunks_make_up_the_whole() {
        assert_eq!(collect(14, &[b"\0asm ", b"", b"and so on"]), Ok(Bytes::from_static(PLUGIN)));
    }

    #[test]
    fn too_few_too_many_and_other_bytes_are_refused() {
        assert!(matches!(collect(14, &[b"\0asm "]), Err(PluginRefusal::Damaged(_))));
        assert!(matches!(collect(14, &[PLUGIN, b"!"]), Err(PluginRefusal::Damaged(_))));
        assert!(matches!(collect(14, &[b"\0asm AND SO ON"]), Err(PluginRefusal::Damaged(_))));
    }

    #[test]
    fn an_announcement_past_the_limit_is_refused_before_the_bytes_come() {
        assert!(matches!(collect(101, &[]), Err(PluginRefusal::TooLarge(_))));
        assert!(matches!(collect(u64::MAX, &[]), Err(PluginRefusal::TooLarge(_))));
    }

    #[test]
    fn a_digest_of_another_length_is_refused() {
        assert!(matches!(Collect::new(&[7; 31], 1, 100), Err(PluginRefusal::Protocol(_))));
    }
}
