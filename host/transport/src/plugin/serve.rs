use super::collect::Collect;
use crate::{PeerInbound, PluginRefusal, PluginUpload};
use bytes::Bytes;
use quorate_proto::peer::v1::{PluginBegin, PluginFrame, plugin_frame::Frame};
use quorate_vocabulary::{NodeId, PluginDigest};
use std::sync::Arc;
use tonic::{Status, Streaming};

/// The size of the chunks that plugins are sent in.
const CHUNK_BYTES: usize = 256 * 1024;

/// The frames of a plugin. The chunks share its memory.
pub(super) fn frames(begin: PluginBegin, plugin: Bytes) -> impl Iterator<Item = PluginFrame> {
    let begin = PluginFrame { frame: Some(Frame::Begin(begin)) };
    let offsets = (0..plugin.len()).step_by(CHUNK_BYTES);
    let chunks = offsets.map(move |start| {
        let end = plugin.len().min(start.saturating_add(CHUNK_BYTES));
        PluginFrame { frame: Some(Frame::Chunk(plugin.slice(start..end))) }
    });
    std::iter::once(begin).chain(chunks)
}

/// Takes the rest of a plugin that another node pushes.
pub(crate) async fn push(
    inbound: &dyn PeerInbound,
    from: NodeId,
    begin: PluginBegin,
    frames: &mut Streaming<PluginFrame>,
    bytes_max: usize,
) -> Result<Result<(), PluginRefusal>, Status> {
    let mut collect = match Collect::new(&begin.digest, begin.total_bytes, bytes_max) {
        Ok(collect) => collect,
        Err(refusal) => return Ok(Err(refusal)),
    };
    while let Some(frame) = frames.message().await? {
        let added = match frame.frame {
            Some(Frame::Chunk(chunk)) => collect.add(&chunk),
            Some(Frame::Begin(_)) | None => {
                Err(PluginRefusal::Protocol("a frame that has no place there".to_owned()))
            }
        };
        if let Err(refusal) = added {
            return Ok(Err(refusal));
        }
    }
    let digest = collect.digest();
    let bytes = match collect.verified().await {
        Ok(bytes) => bytes,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let plugin = PluginUpload { digest, reference: begin.reference, bytes };
    Ok(inbound.store_plugin(from, plugin).await)
}

/// A plugin that another node asks for.
pub(crate) async fn fetch(
    inbound: &Arc<dyn PeerInbound>,
    digest: &[u8],
) -> Result<impl Iterator<Item = PluginFrame> + use<>, Status> {
    let digest =
        PluginDigest::try_from(digest).map_err(|error| Status::invalid_argument(error.to_string()))?;
    let bytes = inbound
        .load_plugin(digest)
        .await
        .map_err(Status::internal)?
        .ok_or_else(|| Status::not_found("this node does not hold the plugin"))?;
    let begin = PluginBegin {
        hello: None,
        digest: Bytes::copy_from_slice(digest.as_bytes()),
        reference: String::new(),
        total_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
    };
    Ok(frames(begin, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_hold_every_byte_once_and_in_order() {
        for bytes in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let plugin: Vec<u8> = (0..=250).cycle().take(bytes).collect();
            let mut found = Vec::new();
            for (number, frame) in frames(PluginBegin::default(), plugin.clone().into()).enumerate() {
                match frame.frame {
                    Some(Frame::Begin(_)) => assert_eq!(number, 0),
                    Some(Frame::Chunk(chunk)) => {
                        assert!(!chunk.is_empty() && chunk.len() <= CHUNK_BYTES);
                        found.extend_from_slice(&chunk);
                    }
                    None => panic!("an empty frame"),
                }
            }
            assert!(found == plugin, "{bytes} bytes");
        }
    }
}
