use crate::api::{UPLOAD_CHUNK_BYTES_MAX, upload};
use bytes::Bytes;
use quorate_proto::{
    reason,
    v1::{UploadPluginHeader, UploadPluginRequest, upload_plugin_request::Part},
};
use quorate_vocabulary::PluginDigest;
use tonic::Status;
use tonic_types::StatusExt;

fn header(size_bytes: u64, digest: &[u8]) -> Part {
    let digest = Bytes::copy_from_slice(digest);
    Part::Header(UploadPluginHeader { reference: "acme/kv@1".to_owned(), size_bytes, digest })
}

fn chunk(bytes: &'static [u8]) -> Part {
    Part::Chunk(Bytes::from_static(bytes))
}

async fn receive(parts: Vec<Part>) -> Result<Bytes, Status> {
    let messages = parts.into_iter().map(|part| Ok(UploadPluginRequest { part: Some(part) }));
    upload::receive(futures::stream::iter(messages), 1024 * 1024 * 2).await.map(|received| received.1)
}

async fn refused(parts: Vec<Part>) -> (String, String) {
    let status = receive(parts).await.expect_err("refused");
    let reason = status.get_details_error_info().expect("an ErrorInfo").reason;
    (reason, status.message().to_owned())
}

#[tokio::test]
async fn chunks_are_put_together_in_order() {
    let digest = PluginDigest::of(b"abcdef");
    let bytes =
        receive(vec![header(6, digest.as_bytes()), chunk(b"abc"), chunk(b"def")]).await.expect("good");
    assert_eq!(bytes, "abcdef");
    assert_eq!(receive(vec![header(0, b"")]).await.expect("empty is not the upload's fault"), "");
}

#[tokio::test]
async fn an_upload_that_is_not_what_its_header_says_is_refused() {
    for parts in [
        vec![],
        vec![chunk(b"abc")],
        vec![header(3, b""), header(3, b"")],
        vec![header(3, b""), chunk(b"ab")],
        vec![header(3, b""), chunk(b"ab"), chunk(b"cd")],
        vec![header(3, b""), chunk(b""), chunk(b"abc")],
        vec![header(3, PluginDigest::of(b"abd").as_bytes()), chunk(b"abc")],
    ] {
        let shown = format!("{parts:?}");
        assert_eq!(refused(parts).await.0, reason::UPLOAD_BROKEN, "{shown}");
    }
    let large = Part::Chunk(vec![0; UPLOAD_CHUNK_BYTES_MAX + 1].into());
    assert_eq!(refused(vec![header(2_000_000, b""), large]).await.0, reason::UPLOAD_BROKEN);
    assert_eq!(refused(vec![header(3, b"short")]).await.0, reason::INVALID_ARGUMENT);
}

#[tokio::test]
async fn an_upload_over_the_limit_is_refused_by_its_header_alone() {
    let (code, text) = refused(vec![header(u64::MAX, b"")]).await;
    assert_eq!(code, reason::PLUGIN_TOO_LARGE);
    assert!(text.contains("2097152"), "{text}");
}
