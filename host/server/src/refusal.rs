use crate::RequestError;
use quorate_machine::PluginRefusal;
use quorate_proto::reason;

/// What a refused plugin is to whoever uploaded it.
impl From<PluginRefusal> for RequestError {
    fn from(refusal: PluginRefusal) -> Self {
        let (reason, cure) = match &refusal {
            PluginRefusal::TooLarge { .. } | PluginRefusal::TooMany { .. } => (
                reason::PLUGIN_TOO_LARGE,
                "build it optimised and without debug information, or raise the limit on all nodes",
            ),
            PluginRefusal::NotWasm { .. } => {
                (reason::PLUGIN_NOT_WASM, "upload the .wasm file that `quorate plugin build` writes")
            }
            PluginRefusal::Invalid { .. } => (
                reason::PLUGIN_NOT_WASM,
                "build it again with `quorate plugin build`, without the feature that the message names",
            ),
            PluginRefusal::CoreModule => (
                reason::PLUGIN_CORE_MODULE,
                "build it with `quorate plugin build`, which makes a component of it",
            ),
            PluginRefusal::ForeignImport { .. } => (
                reason::PLUGIN_FOREIGN_IMPORT,
                "build it without that import; for Rust use the target wasm32-unknown-unknown, as `quorate plugin build` does",
            ),
            PluginRefusal::WrongVersion { .. } => (
                reason::PLUGIN_WRONG_VERSION,
                "build it again with the guest library of the version that this cluster runs",
            ),
            PluginRefusal::MissingExport { .. }
            | PluginRefusal::WrongType { .. }
            | PluginRefusal::NoKind
            | PluginRefusal::TwoKinds => (
                reason::PLUGIN_WRONG_WORLD,
                "implement one of the worlds of wit/machine.wit: in Rust with the crate quorate-guest",
            ),
            PluginRefusal::DoesNotCompile { .. } | PluginRefusal::DoesNotStart { .. } => {
                (reason::PLUGIN_DOES_NOT_COMPILE, "build it without what the message names")
            }
            // What a later engine refuses has a text of its own.
            _ => (reason::PLUGIN_DOES_NOT_COMPILE, "do as the message says"),
        };
        Self::PluginRefused { reason, why: refusal.to_string(), cure: cure.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_import_is_named() {
        let refusal = PluginRefusal::ForeignImport {
            names: "\"wasi:clocks/wall-clock@0.2.0\"".to_owned(),
            contract: "0.1.0",
            advice: "leave it out",
        };
        let error = RequestError::from(refusal);
        assert_eq!(error.reason(), reason::PLUGIN_FOREIGN_IMPORT);
        assert!(error.to_string().contains("wasi:clocks/wall-clock@0.2.0"));
        assert!(error.cure().contains("wasm32-unknown-unknown"));
    }
}
