use super::support::{FakeNode, client, soon, told};
use crate::{Plugin, UploadProgress, reason};
use bytes::Bytes;
use futures::FutureExt;
use quorate_proto::v1::{UploadPluginHeader, UploadPluginResponse, upload_plugin_request::Part};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex};
use tonic::{Code, Status, Streaming};

/// A few chunks and a bit.
const PLUGIN_BYTES: usize = 3 * 256 * 1024 + 10;

fn plugin() -> Bytes {
    (0..PLUGIN_BYTES).map(|at| u8::try_from(at * 31 % 251).expect("below 251")).collect()
}

type Upload = Streaming<quorate_proto::v1::UploadPluginRequest>;

/// Takes an upload as a node does.
async fn take(mut parts: Upload) -> Result<(UploadPluginHeader, Vec<u8>), Status> {
    let first = parts.message().await?.and_then(|part| part.part);
    let Some(Part::Header(header)) = first else { return Err(Status::invalid_argument("no header")) };
    let mut bytes = Vec::new();
    while let Some(part) = parts.message().await? {
        let Some(Part::Chunk(chunk)) = part.part else { return Err(Status::invalid_argument("no chunk")) };
        assert!(!chunk.is_empty() && chunk.len() <= 1024 * 1024);
        bytes.extend_from_slice(&chunk);
    }
    Ok((header, bytes))
}

fn stored(header: &UploadPluginHeader) -> UploadPluginResponse {
    let plugin = Plugin {
        reference: header.reference.clone(),
        digest: header.digest.clone(),
        size_bytes: header.size_bytes,
        ..Plugin::default()
    };
    UploadPluginResponse { plugin: Some(plugin) }
}

fn accept(node: &FakeNode) {
    node.upload.set(Box::new(|parts| {
        async move {
            let (header, bytes) = take(parts).await?;
            assert!(bytes == plugin());
            Ok(stored(&header))
        }
        .boxed()
    }));
}

#[tokio::test]
async fn a_plugin_arrives_whole_with_its_length_and_digest() {
    let node = FakeNode::start().await;
    accept(&node);
    let told = client([&node]).upload_plugin("acme/kv@1", plugin(), |_| {}).await.expect("published");
    assert_eq!((told.reference.as_str(), told.size_bytes), ("acme/kv@1", PLUGIN_BYTES as u64));
    assert_eq!(told.digest, Sha256::digest(plugin()).as_slice());
}

#[tokio::test]
async fn progress_is_told_up_to_the_whole() {
    let node = FakeNode::start().await;
    accept(&node);
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let on_progress = move |progress: UploadProgress| tell.lock().expect("no panic").push(progress);
    client([&node]).upload_plugin("acme/kv@1", plugin(), on_progress).await.expect("published");
    let told = told.lock().expect("no panic");
    assert!(told.len() >= 4 && told.is_sorted_by_key(|progress| progress.sent_bytes), "{told:?}");
    let whole = PLUGIN_BYTES as u64;
    assert_eq!(told.last(), Some(&UploadProgress { sent_bytes: whole, total_bytes: whole }));
}

#[tokio::test]
async fn a_refused_plugin_is_told_by_its_reason_even_before_all_is_sent() {
    let node = FakeNode::start().await;
    node.upload.answers(|_| Err(told(Code::InvalidArgument, reason::PLUGIN_TOO_LARGE, &[])));
    let error = client([&node]).upload_plugin("acme/kv@1", plugin(), |_| {}).await.expect_err("refused");
    assert_eq!(error.reason, reason::PLUGIN_TOO_LARGE);
    assert_eq!(node.upload.calls(), 1);
}

#[tokio::test]
async fn a_lost_upload_is_made_again_since_that_is_harmless() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    one.upload.answers(|_| Err(Status::unavailable("a proxy says so")));
    accept(&two);
    let client = client([&one, &two]);
    let published = client.upload_plugin("acme/kv@1", plugin(), |_| {});
    soon("published", published).await.expect("published");
    assert_eq!((one.upload.calls(), two.upload.calls()), (1, 1));
}

#[tokio::test]
async fn an_empty_plugin_is_the_nodes_to_refuse() {
    let node = FakeNode::start().await;
    node.upload.set(Box::new(|parts| {
        async move {
            let (header, bytes) = take(parts).await?;
            assert_eq!((header.size_bytes, bytes.len()), (0, 0));
            Err(told(Code::InvalidArgument, reason::PLUGIN_NOT_WASM, &[]))
        }
        .boxed()
    }));
    let error = client([&node]).upload_plugin("acme/kv@1", "", |_| {}).await.expect_err("refused");
    assert_eq!(error.reason, reason::PLUGIN_NOT_WASM);
}
