use quorate_proto::peer::v1::LaneKind;
use quorate_vocabulary::GroupId;
use std::fmt;

/// Which kind of road a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Votes, heartbeats, reads: small, and never behind an append.
    Control,
    /// Appends and everything large.
    Append,
}

impl Lane {
    pub(crate) fn to_wire(self) -> LaneKind {
        match self {
            Self::Control => LaneKind::Control,
            Self::Append => LaneKind::Append,
        }
    }

    pub(crate) fn from_wire(kind: LaneKind) -> Option<Self> {
        match kind {
            LaneKind::Unspecified => None,
            LaneKind::Control => Some(Self::Control),
            LaneKind::Append => Some(Self::Append),
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Control => "control",
            Self::Append => "append",
        })
    }
}

/// Which of `lanes` append lanes a group's messages take: always the same, so that they stay in order.
pub(crate) fn append_lane(group: GroupId, lanes: usize) -> usize {
    // Ids are given out in sequence, and groups of one tenant tend to lie apart by a constant; the golden ratio
    // spreads any such stride.
    const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = group.0.wrapping_mul(GOLDEN_RATIO) >> 32;
    let lanes = u64::try_from(lanes.max(1)).unwrap_or(1);
    usize::try_from(mixed % lanes).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn groups_in_sequence_and_in_strides_use_every_lane() {
        for lanes in 1..=8 {
            for stride in [1, 2, 3, 4, 8, 1000] {
                let used: HashSet<_> =
                    (0..256).map(|number| append_lane(GroupId(number * stride), lanes)).collect();
                assert_eq!(used.len(), lanes, "stride {stride}");
            }
        }
    }

    #[test]
    fn lanes_read_back_from_the_wire() {
        for lane in [Lane::Control, Lane::Append] {
            assert_eq!(Lane::from_wire(lane.to_wire()), Some(lane));
        }
        assert_eq!(Lane::from_wire(LaneKind::Unspecified), None);
    }
}
