use crate::SnapshotRefusal;
use quorate_proto::peer::v1::{SnapshotRefused, snapshot_refused::Kind};

/// Causes come from the other node's storage and stand in logs here.
const CAUSE_CHARACTERS_MAX: usize = 500;

impl SnapshotRefusal {
    pub(super) fn to_wire(&self) -> SnapshotRefused {
        let (kind, message) = match self {
            Self::Busy => (Kind::Busy, ""),
            Self::Unwanted(cause) => (Kind::Unwanted, cause.as_str()),
            Self::DamagedChunk(cause) => (Kind::DamagedChunk, cause.as_str()),
            Self::Damaged(cause) => (Kind::Damaged, cause.as_str()),
            Self::Superseded => (Kind::Superseded, ""),
            Self::Storage(cause) => (Kind::Storage, cause.as_str()),
            Self::Protocol(cause) => (Kind::Protocol, cause.as_str()),
        };
        SnapshotRefused { kind: kind.into(), message: message.chars().take(CAUSE_CHARACTERS_MAX).collect() }
    }

    pub(super) fn from_wire(refused: &SnapshotRefused) -> Self {
        let cause: String = refused.message.chars().take(CAUSE_CHARACTERS_MAX).collect();
        match Kind::try_from(refused.kind).unwrap_or_default() {
            Kind::Busy => Self::Busy,
            Kind::Unwanted => Self::Unwanted(cause),
            Kind::DamagedChunk => Self::DamagedChunk(cause),
            Kind::Damaged => Self::Damaged(cause),
            Kind::Superseded => Self::Superseded,
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
            SnapshotRefusal::Busy,
            SnapshotRefusal::Unwanted(cause()),
            SnapshotRefusal::DamagedChunk(cause()),
            SnapshotRefusal::Damaged(cause()),
            SnapshotRefusal::Superseded,
            SnapshotRefusal::Storage(cause()),
            SnapshotRefusal::Protocol(cause()),
        ] {
            assert_eq!(SnapshotRefusal::from_wire(&refusal.to_wire()), refusal);
        }
    }
}
