//! What disks do to the files of a node that is stopped.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};

/// All files below a folder whose names end like this, in order.
///
/// # Panics
/// When the folder cannot be read.
#[must_use]
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the node") {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The last place of these bytes in a file.
fn place_of(content: &[u8], needle: &[u8]) -> Option<usize> {
    content.windows(needle.len()).rposition(|window| window == needle)
}

/// The file below a folder, with such an ending, that holds these bytes.
///
/// # Panics
/// When none does.
#[must_use]
pub fn file_with(folder: &Path, ending: &str, needle: &[u8]) -> PathBuf {
    let candidates = files(folder, ending);
    let holds = |path: &&PathBuf| place_of(&fs::read(path).expect("a file of the node"), needle).is_some();
    let found = candidates.iter().rev().find(holds);
    found.unwrap_or_else(|| panic!("none of {candidates:?} holds the bytes")).clone()
}

/// Flips the bits of a byte, the first of the last place where these bytes are.
///
/// # Panics
/// When the file does not hold them.
pub fn flip(path: &Path, needle: &[u8]) {
    let mut content = fs::read(path).expect("a file of the node");
    let place = place_of(&content, needle).expect("the file holds the bytes");
    content[place] ^= 0xFF;
    fs::write(path, content).expect("a file of the node");
}

/// Flips the bits of the byte in the middle.
///
/// # Panics
/// When the file is empty.
pub fn flip_middle(path: &Path) {
    let mut content = fs::read(path).expect("a file of the node");
    let place = content.len() / 2;
    content[place] ^= 0xFF;
    fs::write(path, content).expect("a file of the node");
}

/// Cuts so many bytes off the end.
///
/// # Panics
/// When the file has fewer.
pub fn cut(path: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(path).expect("a file of the node");
    let length = file.metadata().expect("a file of the node").len();
    file.set_len(length.checked_sub(bytes).expect("the file is longer")).expect("a file of the node");
}
