//! Uploads that are no plugins.

use quorate_end_to_end::{Cluster, Settings, ask::reason_of, component};
use quorate_proto::reason;
use std::fs;

/// A component, or module, in the text format.
fn compiled(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("valid text")
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_with_the_reason() {
    let cluster = Cluster::start_with(Settings { nodes: 1, ..Settings::default() }).await;
    let foreign = r#"(component (import "wasi:http/types@0.2.0" (instance)))"#;
    let version = r#"(component (import "quorate:machine/host@9.0.0" (instance)))"#;
    let cases: [(&str, Vec<u8>, &str, &str); 6] = [
        ("a text", b"this is no wasm".to_vec(), reason::PLUGIN_NOT_WASM, ""),
        ("half a file", b"\0asm".to_vec(), reason::PLUGIN_NOT_WASM, ""),
        ("a core module", compiled("(module)"), reason::PLUGIN_CORE_MODULE, "component"),
        (
            "an empty component",
            compiled("(component)"),
            reason::PLUGIN_WRONG_WORLD,
            "quorate:machine/machine",
        ),
        ("a foreign import", compiled(foreign), reason::PLUGIN_FOREIGN_IMPORT, "wasi:http/types@0.2.0"),
        ("another version", compiled(version), reason::PLUGIN_WRONG_VERSION, "9.0.0"),
    ];
    for (what, bytes, expected, named) in cases {
        let refused = cluster.upload_bytes(1, "test/bad@1", &bytes).await.expect_err(what);
        assert_eq!(reason_of(&refused), expected, "{what}: {refused:?}");
        assert!(refused.message().contains(named), "{what}: {}", refused.message());
    }
    cluster.upload("counter").await;
}

#[tokio::test]
async fn a_component_over_the_limit_is_refused() {
    let settings = Settings {
        nodes: 1,
        configuration: "[limits]\nplugin_bytes_max = 4096\n".to_owned(),
        ..Settings::default()
    };
    let cluster = Cluster::start_with(settings).await;
    let bytes = fs::read(component("counter")).expect("a component");
    assert!(bytes.len() > 4096);
    let refused = cluster.upload_bytes(1, "test/counter@1", &bytes).await.expect_err("too large");
    assert_eq!(reason_of(&refused), reason::PLUGIN_TOO_LARGE, "{refused:?}");
}

#[tokio::test]
async fn a_published_version_never_changes() {
    let cluster = Cluster::start().await;
    let counter = fs::read(component("counter")).expect("a component");
    let kv = fs::read(component("kv")).expect("a component");
    cluster.upload_bytes(1, "test/one@1", &counter).await.expect("published");
    cluster.upload_bytes(2, "test/one@1", &counter).await.expect("the same bytes again are no error");
    let refused = cluster.upload_bytes(3, "test/one@1", &kv).await.expect_err("other bytes");
    assert_eq!(reason_of(&refused), reason::VERSION_TAKEN, "{refused:?}");
    cluster.upload_bytes(3, "test/one@2", &kv).await.expect("another version");
}
