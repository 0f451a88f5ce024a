//! Components for tests: valid plugins in every way but for the few instructions a test is about.

mod guest;
mod parts;

pub use guest::Guest;

/// The binary form of a component or module in the text format.
///
/// # Panics
/// If the text is not valid; the message shows it.
#[must_use]
pub fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
