//! The same scripts through the same plugins in every language, on the real engine.
//!
//! `cargo xtask test` builds the plugins and names their folder in `QUORATE_PLUGINS`: `LANGUAGE-counter.wasm` and
//! `LANGUAGE-kv.wasm`. Where the machine has no toolchain of a language it leaves `LANGUAGE.skipped` with the reason, and
//! the tests of that language say so instead of failing.

#![allow(clippy::unwrap_used, reason = "tests, and what helps them")]

mod components;
mod lives;
mod random;
mod scripts;
mod trials;

/// One module of tests for each language.
macro_rules! languages {
    ($($language:ident)*) => {$(
        mod $language {
            const LANGUAGE: &str = stringify!($language);

            #[test]
            fn the_counter_follows_its_script() {
                crate::scripts::follows(LANGUAGE, "counter");
            }

            #[test]
            fn the_kv_follows_its_script() {
                crate::scripts::follows(LANGUAGE, "kv");
            }

            #[test]
            fn the_counter_passes_its_trial() {
                crate::trials::passes(LANGUAGE, "counter");
            }

            #[test]
            fn the_kv_passes_its_trial() {
                crate::trials::passes(LANGUAGE, "kv");
            }

            #[test]
            fn the_counter_is_the_same_in_all_its_lives() {
                crate::lives::agree(LANGUAGE, "counter");
            }

            #[test]
            fn the_kv_is_the_same_in_all_its_lives() {
                crate::lives::agree(LANGUAGE, "kv");
            }

            #[test]
            fn random_numbers_are_those_of_the_host() {
                crate::random::is_that_of_the_host(LANGUAGE);
            }
        }
    )*};
}

languages!(rust c js python go);
