//! Which files there are, in the order in which they were used.

/// Names and sizes, what was used last at the end.
pub(super) struct Index {
    files: Vec<(String, u64)>,
    bytes_max: u64,
}

impl Index {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { files: Vec::new(), bytes_max }
    }

    /// A file is there; gives the ones that must go for it. One that is larger than all room goes itself.
    pub(super) fn insert(&mut self, name: String, bytes: u64) -> Vec<String> {
        self.remove(&name);
        self.files.push((name, bytes));
        let mut total: u64 = self.files.iter().map(|(_, bytes)| bytes).sum();
        let excess = self.files.iter().take_while(|(_, bytes)| {
            let goes = total > self.bytes_max;
            if goes {
                total -= bytes;
            }
            goes
        });
        let excess = excess.count();
        self.files.drain(..excess).map(|(name, _)| name).collect()
    }

    /// A file is used now.
    pub(super) fn used(&mut self, name: &str) {
        if let Some(place) = self.files.iter().position(|(known, _)| known == name) {
            let file = self.files.remove(place);
            self.files.push(file);
        }
    }

    /// A file is gone.
    pub(super) fn remove(&mut self, name: &str) {
        self.files.retain(|(known, _)| known != name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_least_goes_first() {
        let mut index = Index::new(10);
        assert!(index.insert("a".into(), 4).is_empty());
        assert!(index.insert("b".into(), 4).is_empty());
        index.used("a");
        assert_eq!(index.insert("c".into(), 4), ["b"]);
        assert_eq!(index.insert("d".into(), 10), ["a", "c"]);
        assert_eq!(index.insert("e".into(), 11), ["d", "e"], "larger than all room");
    }

    #[test]
    fn a_file_that_is_written_again_counts_once() {
        let mut index = Index::new(10);
        for _ in 0..5 {
            assert!(index.insert("a".into(), 6).is_empty());
        }
    }
}
