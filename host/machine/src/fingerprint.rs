use std::fmt;

/// What decides how compiled plugins behave: wasmtime's version, the target and the engine's settings. Replicas
/// of a group run only on nodes with the same fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EngineFingerprint(String);

impl EngineFingerprint {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The fingerprint as text, for the catalog and for cache keys.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EngineFingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
