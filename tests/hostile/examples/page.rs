//! Writes the page of the book that lists the hostile plugins.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/book/hostile-plugins.md");
    fs::write(path, quorate_hostile::page::page())
}
