use crate::PluginRefusal;
use quorate_proto::peer::v1::{PluginRefused, plugin_refused::Kind};

/// Causes come from the other node and stand in logs here.
const CAUSE_CHARACTERS_MAX: usize = 500;

impl PluginRefusal {
    pub(crate) fn to_wire(&self) -> PluginRefused {
        let (kind, message) = match self {
            Self::Busy => (Kind::Busy, ""),
            Self::TooLarge(cause) => (Kind::TooLarge, cause.as_str()),
            Self::Damaged(cause) => (Kind::Damaged, cause.as_str()),
            Self::Invalid(cause) => (Kind::Invalid, cause.as_str()),
            Self::Storage(cause) => (Kind::Storage, cause.as_str()),
            Self::Protocol(cause) => (Kind::Protocol, cause.as_str()),
        };
        PluginRefused { kind: kind.into(), message: message.chars().take(CAUSE_CHARACTERS_MAX).collect() }
    }

    pub(super) fn from_wire(refused: &PluginRefused) -> Self {
        let cause: String = refused.message.chars().take(CAUSE_CHARACTERS_MAX).collect();
        match Kind::try_from(refused.kind).unwrap_or_default() {
            Kind::Busy => Self::Busy,
            Kind::TooLarge => Self::TooLarge(cause),
            Kind::Damaged => Self::Damaged(cause),
            Kind::Invalid => Self::Invalid(cause),
            Kind::Storage => Self::Storage(cause),
            Kind::Protocol => Self::Protocol(cause),
            Kind::Unspecified => {
                Self::Protocol(format!("refused for a reason that this version does not know: {cause}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_survives_the_wire() {
        let cause = || "a cause".to_owned();
        for refusal in [
            PluginRefusal::Busy,
            PluginRefusal::TooLarge(cause()),
            PluginRefusal::Damaged(cause()),
            PluginRefusal::Invalid(cause()),
            PluginRefusal::Storage(cause()),
            PluginRefusal::Protocol(cause()),
        ] {
            assert_eq!(PluginRefusal::from_wire(&refusal.to_wire()), refusal);
        }
    }
}
