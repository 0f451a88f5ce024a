//! All heartbeats between two nodes, and their answers, as one message.

use crate::{Effect, RaftMessage, RaftMessageType};
use quorate_vocabulary::NodeId;
use std::collections::BTreeMap;

fn is_heartbeat(message: &RaftMessage) -> bool {
    matches!(message.r#type(), RaftMessageType::Heartbeat | RaftMessageType::HeartbeatResponse)
}

/// Puts the heartbeats among these effects, from `first` on, into one beat a node, behind them. The nodes that are owed a
/// beat get one without heartbeats if there are none for them.
pub(crate) fn merge(
    from: NodeId,
    run: u64,
    owed: impl Iterator<Item = NodeId>,
    first: usize,
    effects: &mut Vec<Effect>,
) {
    let mut beats: BTreeMap<NodeId, Vec<RaftMessage>> = owed.map(|node| (node, Vec::new())).collect();
    let merged = effects
        .extract_if(first.., |effect| matches!(effect, Effect::Send(message) if is_heartbeat(message)));
    for effect in merged {
        if let Effect::Send(message) = effect {
            beats.entry(NodeId(message.to_node)).or_default().push(message);
        }
    }
    effects.extend(beats.into_iter().map(|(node, merged)| {
        let (from_node, to_node) = (from.0, node.0);
        let mut beat = RaftMessage { from_node, to_node, run, merged, ..RaftMessage::default() };
        beat.set_type(RaftMessageType::Beat);
        Effect::Send(beat)
    }));
}

/// What a beat carries.
pub(crate) fn split(beat: RaftMessage) -> impl Iterator<Item = RaftMessage> {
    beat.merged.into_iter().filter(is_heartbeat)
}
