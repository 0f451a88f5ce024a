use super::{ApiError, UPLOAD_CHUNK_BYTES_MAX, validate};
use crate::RequestError;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use quorate_proto::{reason, v1};
use quorate_vocabulary::{PluginDigest, PluginReference};
use std::pin::pin;
use tonic::Status;

/// Takes what an upload sends: its header, then as many bytes as that announced and no other.
pub(super) async fn receive(
    messages: impl Stream<Item = Result<v1::UploadPluginRequest, Status>>,
    bytes_max: usize,
) -> Result<(PluginReference, Bytes), Status> {
    use v1::upload_plugin_request::Part;
    let mut messages = pin!(messages);
    let first = messages.next().await.transpose()?.and_then(|message| message.part);
    let Some(Part::Header(header)) = first else {
        return Err(broken("the first message must be the header").into());
    };
    let reference = validate::name("reference", &header.reference)?;
    let digest = match header.digest.len() {
        0 => None,
        _ => Some(
            PluginDigest::try_from(&header.digest[..])
                .map_err(|error| validate::invalid("digest", error.to_string()))?,
        ),
    };
    let size = usize::try_from(header.size_bytes).unwrap_or(usize::MAX);
    if size > bytes_max {
        return Err(too_large(header.size_bytes, bytes_max).into());
    }
    let mut bytes = BytesMut::new();
    while let Some(message) = messages.next().await.transpose()? {
        let Some(Part::Chunk(chunk)) = message.part else {
            return Err(broken("every message behind the header must be a chunk").into());
        };
        if chunk.is_empty() || chunk.len() > UPLOAD_CHUNK_BYTES_MAX {
            let why =
                format!("a chunk has {} bytes, and must have 1 to {UPLOAD_CHUNK_BYTES_MAX}", chunk.len());
            return Err(broken(&why).into());
        }
        if bytes.len() + chunk.len() > size {
            return Err(broken(&format!("more came than the {size} bytes that the header announced")).into());
        }
        bytes.extend_from_slice(&chunk);
    }
    if bytes.len() < size {
        let why = format!("it ended after {} of the {size} bytes that the header announced", bytes.len());
        return Err(broken(&why).into());
    }
    if let Some(announced) = digest {
        let arrived = PluginDigest::of(&bytes);
        if arrived != announced {
            let why = format!("what arrived has the digest {arrived}, and the header announced {announced}");
            return Err(broken(&why).into());
        }
    }
    Ok((reference, bytes.freeze()))
}

fn broken(why: &str) -> ApiError {
    ApiError::UploadBroken { why: why.to_owned() }
}

fn too_large(bytes: u64, bytes_max: usize) -> ApiError {
    let refused = RequestError::PluginRefused {
        reason: reason::PLUGIN_TOO_LARGE,
        why: format!("it has {bytes} bytes, and this node takes at most {bytes_max}"),
        cure: "build it optimised and without debug information, or raise plugin_bytes_max on all nodes"
            .to_owned(),
    };
    refused.into()
}
